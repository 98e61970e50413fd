//! Emptying a queue, setting a group back, and giving the dead another chance.
