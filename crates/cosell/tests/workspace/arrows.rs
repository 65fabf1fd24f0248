//! Which crate may know which.

use std::collections::BTreeSet;

use serde_json::Value;

/// The only arrows there are. The sandbox knows the transport trait and nothing else of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("cosell-http", &[]),
    ("cosell-mapping", &[]),
    ("cosell-referrals", &["cosell-http"]),
    ("cosell-dataverse", &["cosell-http"]),
    ("cosell-sync", &["cosell-mapping"]),
    ("cosell-store", &["cosell-sync"]),
    ("cosell-sandbox", &["cosell-http"]),
    (
        "cosell",
        &[
            "cosell-dataverse",
            "cosell-http",
            "cosell-mapping",
            "cosell-referrals",
            "cosell-store",
            "cosell-sync",
        ],
    ),
];

/// What the engine must never stand on, not even through others.
const NOT_UNDER_THE_ENGINE: &[&str] = &[
    "async-std",
    "axum",
    "cosell-dataverse",
    "cosell-http",
    "cosell-referrals",
    "cosell-sandbox",
    "cosell-store",
    "http",
    "hyper",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "tokio",
    "tokio-postgres",
];

#[test]
fn crates_depend_on_each_other_as_drawn() {
    let metadata: Value = serde_json::from_str(&super::cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]))
    .expect("metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    for (name, allowed) in ARROWS {
        let package = packages
            .iter()
            .find(|package| package["name"] == *name)
            .unwrap_or_else(|| panic!("{name} is in the workspace"));
        let declared: BTreeSet<&str> = package["dependencies"]
            .as_array()
            .expect("dependencies")
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|dependency| dependency.starts_with("cosell"))
            .collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert_eq!(declared, allowed, "arrows of {name}");
    }
    let members: BTreeSet<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .filter(|name| name.starts_with("cosell"))
        .collect();
    let drawn: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(members, drawn, "every crate is drawn");
}

#[test]
fn development_dependencies_on_members_carry_no_version() {
    let metadata: Value = serde_json::from_str(&super::cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]))
    .expect("metadata");
    for package in metadata["packages"].as_array().expect("packages") {
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let name = dependency["name"].as_str().unwrap_or_default();
            if dependency["kind"] == "dev" && name.starts_with("cosell") {
                assert_eq!(dependency["req"], "*", "{name} of {}", package["name"]);
            }
        }
    }
}

#[test]
fn the_engine_stands_on_no_service_store_or_runtime() {
    let tree = super::cargo(&[
        "tree",
        "-e",
        "normal",
        "-p",
        "cosell-sync",
        "--prefix",
        "none",
        "-f",
        "{p}",
    ]);
    let under: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let wrong: Vec<&&str> = NOT_UNDER_THE_ENGINE
        .iter()
        .filter(|name| under.contains(**name))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(under.contains("cosell-mapping"), "the tree was read");
}
