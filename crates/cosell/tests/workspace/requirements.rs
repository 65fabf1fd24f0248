//! The table of requirements and the marks above the tests, held against each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const TABLE: &str = "docs/requirements.md";

/// Rows that every version of the table has.
fn expected_ids() -> Vec<String> {
    (1..=134)
        .map(|n| format!("R{n}"))
        .chain((1..=15).map(|n| format!("G{n}")))
        .collect()
}

fn is_id(word: &str) -> bool {
    let Some((letter, number)) = word.split_at_checked(1) else {
        return false;
    };
    matches!(letter, "R" | "G") && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

/// `// R1, R88` gives its ids; any other line none.
fn mark(line: &str) -> Option<Vec<String>> {
    let words: Vec<&str> = line
        .trim()
        .strip_prefix("// ")?
        .split(',')
        .map(str::trim)
        .collect();
    words
        .iter()
        .all(|word| is_id(word))
        .then(|| words.into_iter().map(str::to_owned).collect())
}

/// The name of the function that a test attribute at `index` stands over.
fn test_below(lines: &[&str], index: usize) -> Option<String> {
    let mut attribute = false;
    for line in &lines[index + 1..] {
        let line = line.trim();
        if line.starts_with("#[") {
            attribute |= line.contains("test") || line.contains("rstest");
        } else if let Some(rest) = line.strip_prefix("async fn ").or(line.strip_prefix("fn ")) {
            let name = rest.split(['(', '<']).next()?.to_owned();
            return attribute.then_some(name);
        } else if !line.starts_with("//") {
            return None;
        }
    }
    None
}

/// A line of a table that a macro turns into tests: `name: Scenario, ...;`. Such a table begins
/// with `macro! {`.
fn test_of_a_table(line: &str) -> Option<&str> {
    let (name, rest) = line.trim().strip_suffix(';')?.split_once(": ")?;
    let plain = name
        .bytes()
        .all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit());
    (plain && rest.starts_with(|c: char| c.is_ascii_uppercase())).then_some(name)
}

#[derive(Default)]
pub(super) struct Marks {
    /// Per id the tests that show it, as `crate::test`.
    tests: BTreeMap<String, BTreeSet<String>>,
    /// Every test there is, as `crate::test`.
    pub(super) all: BTreeSet<String>,
    faults: Vec<String>,
}

impl Marks {
    fn read(&mut self, directory: &Path, owner: &str) {
        let Ok(entries) = fs::read_dir(directory) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                self.read(&path, owner);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                self.read_file(&path, owner);
            }
        }
    }

    fn read_file(&mut self, path: &Path, owner: &str) {
        let text = fs::read_to_string(path).expect("source");
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if line.trim_start().starts_with("#[")
                && line.contains("test")
                && let Some(name) = test_below(&lines, index.saturating_sub(1))
            {
                self.all.insert(format!("`{owner}::{name}`"));
            }
            if text.contains("! {\n")
                && let Some(name) = test_of_a_table(line)
            {
                self.all.insert(format!("`{owner}::{name}`"));
            }
            let Some(ids) = mark(line) else { continue };
            let place = format!("{}:{}", path.display(), index + 1);
            let Some(name) = test_below(&lines, index) else {
                self.faults
                    .push(format!("{place}: the mark stands over no test"));
                continue;
            };
            if ids.len() > 3 {
                self.faults
                    .push(format!("{place}: {name} claims more than three"));
            }
            for id in ids {
                self.tests
                    .entry(id)
                    .or_default()
                    .insert(format!("`{owner}::{name}`"));
            }
        }
    }
}

pub(super) fn marks() -> Marks {
    let mut marks = Marks::default();
    for group in ["crates", "examples"] {
        for entry in fs::read_dir(super::root().join(group))
            .expect("members")
            .flatten()
        {
            let owner = entry.file_name().to_string_lossy().into_owned();
            marks.read(&entry.path().join("src"), &owner);
            marks.read(&entry.path().join("tests"), &owner);
        }
    }
    marks
}

/// The table with its third column as the marks say. Manual rows keep their steps.
fn rewritten(table: &str, marks: &Marks) -> String {
    let mut lines = Vec::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let [_, id, words, state, _] = cells[..]
            && is_id(id)
        {
            let state = match marks.tests.get(id) {
                Some(tests) => {
                    let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
                    format!("proven by {}", tests.join(", "))
                }
                None if state.starts_with("manual:") => state.to_owned(),
                None => "planned".to_owned(),
            };
            lines.push(format!("| {id} | {words} | {state} |"));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_table_has_every_row_and_says_what_the_marks_say() {
    let path = super::root().join(TABLE);
    let table = fs::read_to_string(&path).expect("the table");
    let marks = marks();
    assert!(marks.faults.is_empty(), "{}", marks.faults.join("\n"));

    let ids: Vec<String> = table
        .lines()
        .filter_map(|line| line.split('|').nth(1).map(str::trim))
        .filter(|id| is_id(id))
        .map(str::to_owned)
        .collect();
    assert_eq!(ids, expected_ids(), "every row once, in order");
    let unknown: Vec<&String> = marks.tests.keys().filter(|id| !ids.contains(id)).collect();
    assert!(unknown.is_empty(), "marks without a row: {unknown:?}");

    let wanted = rewritten(&table, &marks);
    if std::env::var_os("COSELL_UPDATE").is_some() {
        fs::write(&path, &wanted).expect("the table is written");
    } else {
        let stale: Vec<&str> = wanted
            .lines()
            .zip(table.lines())
            .filter_map(|(wanted, line)| (wanted != line).then_some(wanted))
            .collect();
        assert!(
            stale.is_empty(),
            "run this test with COSELL_UPDATE=1 and commit {TABLE}:\n{}",
            stale.join("\n")
        );
    }
}

#[test]
fn marks_are_told_from_other_comments() {
    assert_eq!(
        mark("    // R1, G12"),
        Some(vec!["R1".to_owned(), "G12".to_owned()])
    );
    assert_eq!(mark("// Retry once"), None);
    assert_eq!(mark("// R1 says so"), None);
    let lines = ["// R1", "#[test]", "fn shows_it() {"];
    assert_eq!(test_below(&lines, 0), Some("shows_it".to_owned()));
    assert_eq!(test_below(&["// R1", "fn helper() {"], 0), None);
}
