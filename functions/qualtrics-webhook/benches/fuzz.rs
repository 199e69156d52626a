//! Spoils millions of deliveries; see `tests/fuzz/qualtrics.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "it may panic and reads its own environment"
)]

#[path = "../../../tests/fuzz/qualtrics.rs"]
mod qualtrics;

fn main() {
    let number = |name: &str, usual: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (inputs, seed) = (number("FUZZ_INPUTS", 2_000_000), number("FUZZ_SEED", 1));
    let began = std::time::Instant::now();
    let outcome = qualtrics::fuzz(&qualtrics_webhook::Qualtrics, seed, inputs);
    println!("{outcome:?} in {:.1?}", began.elapsed());
}
