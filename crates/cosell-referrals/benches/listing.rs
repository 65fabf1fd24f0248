//! Lists as many referrals as it is told (1,000), and prints requests and peak memory:
//!
//! ```text
//! cargo bench -p cosell-referrals --bench listing -- 100000
//! ```
//!
//! Pages are made as they are asked for, so that nothing but the client holds memory.

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cosell_referrals::ListOptions;
use futures_util::TryStreamExt;

const PAGE: usize = 100;

fn main() {
    // Cargo adds `--bench`.
    let wanted = std::env::args().find_map(|argument| argument.parse().ok());
    let wanted: usize = wanted.unwrap_or(1000);
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let referrals = common::client(move |query| {
        counted.fetch_add(1, Ordering::Relaxed);
        let token = query.split_once("skiptoken=").map(|(_, token)| token);
        let before: usize = token.and_then(|token| token.parse().ok()).unwrap_or(0);
        let items = PAGE.min(wanted - before);
        let after = before + items;
        common::page(items, (after < wanted).then_some(after))
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime of one thread");
    let listed = runtime
        .block_on(
            referrals
                .list(ListOptions::default())
                .try_fold(0_usize, |count, _| std::future::ready(Ok(count + 1))),
        )
        .expect("every page is good");
    println!(
        "listed {listed} in {} requests; {}",
        requests.load(Ordering::Relaxed),
        peak()
    );
}

/// Peak memory as the system counts it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.map_or_else(
        || "peak memory is not told by this system".to_owned(),
        |line| line.split_whitespace().collect::<Vec<_>>().join(" "),
    )
}
