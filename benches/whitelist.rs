//! The list of those who may come in, at 5, 100,000 and 1,000,000 entries: time of a lookup and of
//! building, and the memory of an entry. The budgets are in section 7 of the design.

#![allow(missing_docs, reason = "criterion's macros write functions without docs")]
#![expect(clippy::print_stderr, reason = "the memory is no time, so criterion cannot report it")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use innkeeper::policy::address::IpPattern;
use innkeeper::policy::whitelist::{Place, Whitelist, WhitelistBuilder};

const SIZES: [usize; 3] = [5, 100_000, 1_000_000];

/// One family and shape of entries.
struct Shape {
    name: &'static str,
    write: fn(u64) -> String,
    hit: fn(u64) -> IpAddr,
}

const SHAPES: [Shape; 3] = [
    Shape { name: "v4 addresses", write: |n| v4(n).to_string(), hit: |n| IpAddr::V4(v4(n)) },
    Shape { name: "v4 networks", write: |n| format!("{}/{}", v4(n), 20 + n % 9), hit: |n| IpAddr::V4(v4(n)) },
    Shape { name: "v6 networks", write: |n| format!("{}/64", v6(n)), hit: |n| IpAddr::V6(v6(n)) },
];

fn whitelist(criterion: &mut Criterion) {
    for shape in &SHAPES {
        for size in SIZES {
            let texts: Vec<String> = (0..size as u64).map(shape.write).collect();
            let list = build(&texts);
            let name = format!("{} {size}", shape.name);
            eprintln!("{name}: {} bytes an entry", list.footprint() / size);
            let hits: Vec<IpAddr> = (0..65_536).map(|n| (shape.hit)(mix(n) % size as u64)).collect();
            let misses: Vec<IpAddr> = (0..65_536).map(|n| (shape.hit)(mix(n) | 1 << 63)).collect();
            for (kind, addresses) in [("hit", &hits), ("miss", &misses)] {
                let mut next = addresses.iter().cycle();
                criterion.bench_function(&format!("find {kind}, {name}"), |bencher| {
                    bencher
                        .iter(|| list.find(*black_box(next.next().expect("a cycle has no end"))).is_some());
                });
            }
            if size == 1_000_000 {
                load(criterion, &name, &texts);
            }
        }
    }
}

/// Reading and building, and building alone.
fn load(criterion: &mut Criterion, name: &str, texts: &[String]) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    group.bench_function(format!("read and build, {name}"), |bencher| bencher.iter(|| build(texts)));
    group.bench_function(format!("build, {name}"), |bencher| {
        bencher.iter_batched(|| gather(texts), WhitelistBuilder::build, BatchSize::PerIteration);
    });
    group.finish();
}

fn build(texts: &[String]) -> Whitelist {
    gather(texts).build()
}

fn gather(texts: &[String]) -> WhitelistBuilder {
    let file: Arc<str> = Arc::from("whitelist.txt");
    let mut builder = WhitelistBuilder::new();
    for (line, text) in (1..).zip(texts) {
        let pattern: IpPattern = text.parse().expect("the entries are written by this file");
        builder.pattern(&pattern, text, Place { file: Arc::clone(&file), line });
    }
    builder
}

#[expect(clippy::cast_possible_truncation, reason = "any 32 bits do")]
fn v4(n: u64) -> Ipv4Addr {
    Ipv4Addr::from_bits(mix(n) as u32)
}

fn v6(n: u64) -> Ipv6Addr {
    let site = 0x2001_0db8_u128 << 96;
    Ipv6Addr::from_bits(site | u128::from(mix(n) >> 32) << 64)
}

/// A number that looks random, the same in each run (splitmix64).
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

criterion_group!(benches, whitelist);
criterion_main!(benches);
