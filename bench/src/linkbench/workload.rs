//! What the graph is like and what it is asked: LinkBench's mix, degrees and skew.

/// Nodes at the start.
const NODES: i64 = 1_000_000;
/// Edges for each node, on the average.
const DEGREE: f64 = 5.0;
/// How many edges leave a node: the share of nodes with at most so many, as LinkBench's
/// authors observed it; between these points the logarithm is taken as linear.
const OUT_DEGREES: &[(f64, f64)] = &[
    (0.197_47, 0.0),
    (0.729_85, 1.0),
    (0.867_38, 2.0),
    (0.918_17, 3.0),
    (0.944_59, 4.0),
    (0.958_69, 5.0),
    (0.983_41, 10.0),
    (0.992_22, 20.0),
    (0.996_52, 50.0),
    (0.997_74, 100.0),
    (0.998_40, 200.0),
    (0.999_00, 500.0),
    (0.999_50, 979.0),
    (0.999_80, 3_227.0),
    (0.999_90, 6_051.0),
    (0.999_95, 9_946.0),
    (1.0, 24_000.0),
];
/// How uneven accesses are: the exponents of Zipf's law by rank.
const LINK_READS: f64 = 0.8;
const LINK_WRITES: f64 = 0.741;
const NODE_READS: f64 = 0.625;
const NODE_UPDATES: f64 = 0.606;

/// One request.
#[derive(Clone, Debug)]
pub enum Op {
    AddLink(Link, String),
    DeleteLink(Link),
    UpdateLink(Link, String),
    CountLinks(i64, i64),
    GetLinks(Vec<Link>),
    ListLinks(i64, i64),
    GetNode(i64),
    AddNode(i64, String),
    UpdateNode(i64, String),
    DeleteNode(i64),
}

/// An edge's name.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub from: i64,
    /// One of two.
    pub kind: i64,
    pub to: i64,
}

/// The edges that are there at the start.
pub struct Graph {
    degrees: Vec<u32>,
}

impl Graph {
    pub fn new() -> Graph {
        let drawn: Vec<f64> = (0..NODES as u64).map(|n| degree(unit(mix(n)))).collect();
        let scale = NODES as f64 * DEGREE / drawn.iter().sum::<f64>();
        let degrees = drawn.iter().enumerate().map(|(n, degree)| {
            // Rounded up or down by a coin, so that the average holds.
            (degree * scale + unit(mix(n as u64 ^ 0x5eed))) as u32
        });
        Graph {
            degrees: degrees.collect(),
        }
    }

    pub fn nodes(&self) -> i64 {
        NODES
    }

    pub fn edges(&self) -> u64 {
        self.degrees.iter().map(|degree| u64::from(*degree)).sum()
    }

    /// The edges that leave a node at the start.
    pub fn links(&self, from: i64) -> impl Iterator<Item = Link> + use<> {
        let degree = self.degrees.get(from as usize).copied().unwrap_or(0);
        (0..i64::from(degree)).map(move |e| link(from, e))
    }

    /// The request number `n`.
    pub fn op(&self, n: u64) -> Op {
        let mut random = Random(mix(n ^ 0x0b5e_55ed));
        let part = random.unit() * 100.0;
        // The mix of the paper's table, summed up.
        match part {
            _ if part < 8.99 => {
                let from = random.zipf(LINK_WRITES);
                let (kind, to) = (random.below(2), random.below(NODES));
                Op::AddLink(Link { from, kind, to }, link_body(random.next()))
            }
            _ if part < 11.98 => {
                Op::DeleteLink(self.existing(random.zipf(LINK_WRITES), &mut random))
            }
            _ if part < 19.99 => {
                let link = self.existing(random.zipf(LINK_WRITES), &mut random);
                Op::UpdateLink(link, link_body(random.next()))
            }
            _ if part < 24.88 => Op::CountLinks(random.zipf(LINK_READS), random.below(2)),
            _ if part < 25.41 => {
                let from = random.zipf(LINK_READS);
                let count = 1 + random.below(4);
                Op::GetLinks(
                    (0..count)
                        .map(|_| self.existing(from, &mut random))
                        .collect(),
                )
            }
            _ if part < 76.12 => Op::ListLinks(random.zipf(LINK_READS), random.below(2)),
            _ if part < 89.05 => Op::GetNode(random.zipf(NODE_READS)),
            _ if part < 91.62 => Op::AddNode(NODES + n as i64, node_body(n)),
            _ if part < 98.99 => {
                Op::UpdateNode(random.zipf(NODE_UPDATES), node_body(random.next()))
            }
            _ => Op::DeleteNode(random.below(NODES)),
        }
    }

    /// An edge that leaves a node at the start; one that does not where none does.
    fn existing(&self, from: i64, random: &mut Random) -> Link {
        let degree = self.degrees.get(from as usize).copied().unwrap_or(0);
        link(from, random.below(i64::from(degree).max(1)))
    }
}

/// Edge `e` of a node: no two of them lead to the same one.
fn link(from: i64, e: i64) -> Link {
    Link {
        from,
        kind: e % 2,
        to: (below(mix(from as u64), NODES) + e * 7_919) % NODES,
    }
}

/// When an edge came to be at the start: microseconds since 1970.
pub fn at_us(link: &Link) -> i64 {
    1_700_000_000_000_000 + below(mix((link.from ^ link.to) as u64), 10_000_000_000)
}

/// About 128 bytes of JSON.
pub fn node_body(n: u64) -> String {
    let (a, b, c) = (mix(n), mix(n + 1), mix(n + 2));
    format!(
        "{{\"a\": \"{a:016x}{b:016x}{c:016x}\", \"b\": \"{b:016x}{c:016x}{a:016x}\", \"n\": {n}}}"
    )
}

/// About 8 bytes of payload.
pub fn link_body(n: u64) -> String {
    format!("{{\"d\": \"{:08x}\"}}", mix(n) as u32)
}

fn degree(share: f64) -> f64 {
    let mut before = (0.0, 0.0);
    for point in OUT_DEGREES {
        if share <= point.0 {
            if point.1 <= 5.0 {
                return point.1;
            }
            let part = (share - before.0) / (point.0 - before.0);
            let (low, high): (f64, f64) = (before.1, point.1);
            return (low.ln() + part * (high.ln() - low.ln())).exp();
        }
        before = *point;
    }
    before.1
}

/// SplitMix64's finisher: numbers in an order of their own.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

fn below(bits: u64, bound: i64) -> i64 {
    (bits % bound as u64) as i64
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    fn below(&mut self, bound: i64) -> i64 {
        below(self.next(), bound)
    }

    fn unit(&mut self) -> f64 {
        unit(self.next())
    }

    /// A node by Zipf's law with an exponent below 1, by the inverse of its continuous form;
    /// ranks are scattered over ids, as they have nothing to do with degrees.
    fn zipf(&mut self, exponent: f64) -> i64 {
        let rank = (NODES as f64 * self.unit().powf(1.0 / (1.0 - exponent))) as i64;
        rank.min(NODES - 1) * 7_919 % NODES
    }
}
