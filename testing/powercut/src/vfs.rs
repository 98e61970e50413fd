//! The translation to SQLite's interface for file systems.
//!
//! Every call goes on to SQLite's own layer, except where the disk says no. Beside the
//! database, its log and its journal, files are none of our business and are opened
//! by that layer alone.
//!
//! # Why each `unsafe` is sound
//!
//! SQLite calls these functions with the pointers that it was given: a `Vfs` that is never
//! freed, and a `File` in memory that SQLite allocated with `szOsFile` bytes, which hold a
//! `File` and behind it the file of the layer below. A `File` is used between a
//! successful `open` and `close`, and by one thread at a time.

#![allow(unsafe_code)]

use crate::disk::{Disk, Failure};
use libsqlite3_sys as ffi;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

/// Our layer; `base` comes first, so that SQLite's pointer to it is a pointer to all of it.
#[repr(C)]
struct Vfs {
    base: ffi::sqlite3_vfs,
    below: *mut ffi::sqlite3_vfs,
    disk: Disk,
}

/// A file of ours; the layer below has its own right behind it.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    tracked: *mut Tracked,
}

/// What is known of an open file.
struct Tracked {
    disk: Disk,
    path: String,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // The second version: shared memory for WAL, but no memory-mapped pages, which would
    // be written behind our back.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Registers a disk under its name, for as long as the process lives.
pub(crate) fn register(disk: &Disk) {
    let name = CString::new(disk.name()).unwrap_or_default();
    // SAFETY: SQLite may be initialised any number of times; a null name asks for the default
    // layer, which exists and is never freed.
    let below = unsafe {
        ffi::sqlite3_initialize();
        ffi::sqlite3_vfs_find(ptr::null())
    };
    // SAFETY: `below` is valid as said above, and its fields are plain data.
    let mut base = unsafe { *below };
    base.iVersion = base.iVersion.min(2);
    base.szOsFile += size_of::<File>() as c_int;
    base.pNext = ptr::null_mut();
    base.zName = name.into_raw();
    base.xOpen = Some(open);
    base.xDelete = Some(delete);
    base.xAccess = Some(access);
    // The other functions stay those of the layer below: none of them looks at the layer
    // that it is called with.
    let vfs = Box::leak(Box::new(Vfs {
        base,
        below,
        disk: disk.clone(),
    }));
    // SAFETY: `vfs` and its name are leaked, so they outlive every use.
    unsafe { ffi::sqlite3_vfs_register(&raw mut vfs.base, 0) };
}

fn code(failure: Failure, broken: c_int) -> c_int {
    match failure {
        Failure::Broken => broken,
        Failure::Full => ffi::SQLITE_FULL,
    }
}

/// The layer that SQLite calls us with.
///
/// # Safety
/// `vfs` is the pointer that [`register`] gave to SQLite.
unsafe fn ours<'v>(vfs: *mut ffi::sqlite3_vfs) -> &'v Vfs {
    // SAFETY: `base` is the first field of a `Vfs` that is never freed or changed.
    unsafe { &*vfs.cast::<Vfs>() }
}

/// The file of the layer below.
///
/// # Safety
/// `file` was allocated by SQLite with our `szOsFile`.
unsafe fn below(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: behind a `File` there is room for the other one, at the same alignment: both are made of pointers.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// What is known of an open file.
///
/// # Safety
/// `file` was opened by [`open`] and is not closed.
unsafe fn tracked<'f>(file: *mut ffi::sqlite3_file) -> &'f Tracked {
    // SAFETY: `open` put a valid pointer there, and only `close` takes it away.
    unsafe { &*(*file.cast::<File>()).tracked }
}

/// Calls a method of the file below; a method that is missing is an error of input/output.
macro_rules! pass_on {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        // SAFETY: `open` has opened the file below, so its methods are valid.
        unsafe {
            let file = below($file);
            match (*(*file).pMethods).$method {
                Some(method) => method(file $(, $argument)*),
                None => ffi::SQLITE_IOERR,
            }
        }
    }};
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    const OURS: c_int =
        ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL;
    // SAFETY: SQLite calls us with what it was given; see the module's head.
    unsafe {
        let vfs = ours(vfs);
        (*file).pMethods = ptr::null();
        let Some(open_below) = (*vfs.below).xOpen else {
            return ffi::SQLITE_CANTOPEN;
        };
        if flags & OURS == 0 || name.is_null() {
            return open_below(vfs.below, name, file, flags, out_flags);
        }
        if vfs.disk.check_power().is_err() {
            return ffi::SQLITE_CANTOPEN;
        }
        let result = open_below(vfs.below, name, below(file), flags, out_flags);
        if result != ffi::SQLITE_OK {
            return result;
        }
        let path = CStr::from_ptr(name).to_string_lossy().into_owned();
        // The file is empty for us if it cannot be read; the test will notice.
        let known = vfs.disk.opened(&path, || read_whole(below(file)));
        let tracked = Tracked {
            disk: vfs.disk.clone(),
            path,
        };
        (*file.cast::<File>()).tracked = Box::into_raw(Box::new(tracked));
        (*file).pMethods = &raw const METHODS;
        match known {
            Ok(()) => ffi::SQLITE_OK,
            Err(failure) => {
                close(file);
                (*file).pMethods = ptr::null();
                code(failure, ffi::SQLITE_CANTOPEN)
            }
        }
    }
}

/// # Safety
/// `file` is an open file of the layer below.
unsafe fn read_whole(file: *mut ffi::sqlite3_file) -> Option<Vec<u8>> {
    // SAFETY: as the caller promises; the buffer has the length that is named.
    unsafe {
        let methods = &*(*file).pMethods;
        let mut size = 0;
        if methods.xFileSize?(file, &raw mut size) != ffi::SQLITE_OK {
            return None;
        }
        let mut bytes = vec![0_u8; usize::try_from(size).ok()?];
        let length = c_int::try_from(size).ok()?;
        let result = methods.xRead?(file, bytes.as_mut_ptr().cast(), length, 0);
        (result == ffi::SQLITE_OK).then_some(bytes)
    }
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: SQLite calls us with what it was given, and a name that ends with a zero.
    unsafe {
        let vfs = ours(vfs);
        let path = CStr::from_ptr(name).to_string_lossy();
        if let Err(failure) = vfs.disk.delete(&path) {
            return code(failure, ffi::SQLITE_IOERR_DELETE);
        }
        match (*vfs.below).xDelete {
            Some(delete) => delete(vfs.below, name, sync_folder),
            None => ffi::SQLITE_IOERR_DELETE,
        }
    }
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls us with what it was given.
    unsafe {
        let vfs = ours(vfs);
        if vfs.disk.check_power().is_err() {
            return ffi::SQLITE_IOERR_ACCESS;
        }
        match (*vfs.below).xAccess {
            Some(access) => access(vfs.below, name, flags, out),
            None => ffi::SQLITE_IOERR_ACCESS,
        }
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let result = pass_on!(file, xClose);
    // SAFETY: `open` made the pointer from a box, and nobody uses the file after this.
    unsafe { drop(Box::from_raw((*file.cast::<File>()).tracked)) };
    result
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    length: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: the file is open.
    let tracked = unsafe { tracked(file) };
    match tracked.disk.check_power() {
        Ok(()) => pass_on!(file, xRead, into, length, at),
        Err(failure) => code(failure, ffi::SQLITE_IOERR_READ),
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    length: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: the file is open, and SQLite gives a buffer of the length that it names.
    let (tracked, bytes) = unsafe {
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), length.unsigned_abs() as usize);
        (tracked(file), bytes)
    };
    match tracked.disk.write(&tracked.path, at.unsigned_abs(), bytes) {
        Ok(()) => pass_on!(file, xWrite, from, length, at),
        Err(failure) => code(failure, ffi::SQLITE_IOERR_WRITE),
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: the file is open.
    let tracked = unsafe { tracked(file) };
    match tracked.disk.truncate(&tracked.path, size.unsigned_abs()) {
        Ok(()) => pass_on!(file, xTruncate, size),
        Err(failure) => code(failure, ffi::SQLITE_IOERR_TRUNCATE),
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: the file is open.
    let tracked = unsafe { tracked(file) };
    // The real file needs no sync: this disk alone decides what is remembered.
    match tracked.disk.sync(&tracked.path) {
        Ok(()) => ffi::SQLITE_OK,
        Err(failure) => code(failure, ffi::SQLITE_IOERR_FSYNC),
    }
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    size: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: the file is open.
    let tracked = unsafe { tracked(file) };
    match tracked.disk.check_power() {
        Ok(()) => pass_on!(file, xFileSize, size),
        Err(failure) => code(failure, ffi::SQLITE_IOERR_FSTAT),
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass_on!(file, xLock, level)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass_on!(file, xUnlock, level)
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    pass_on!(file, xCheckReservedLock, out)
}

unsafe extern "C" fn file_control(
    file: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    pass_on!(file, xFileControl, operation, argument)
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    pass_on!(file, xSectorSize)
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    pass_on!(file, xDeviceCharacteristics)
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    page: c_int,
    page_size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    pass_on!(file, xShmMap, page, page_size, extend, out)
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    pass_on!(file, xShmLock, offset, count, flags)
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: `open` has opened the file below, so its methods are valid.
    unsafe {
        let file = below(file);
        if let Some(barrier) = (*(*file).pMethods).xShmBarrier {
            barrier(file);
        }
    }
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    pass_on!(file, xShmUnmap, delete)
}
