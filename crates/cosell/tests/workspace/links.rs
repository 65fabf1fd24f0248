//! The specification and the hard cases, held against the tests that they name.

use std::{collections::BTreeSet, fs};

use super::requirements::marks;

/// `crate::test`, as the pages name tests.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split('`').skip(1).step_by(2);
    let plain = |part: &str| {
        let mut bytes = part.bytes();
        let fits =
            bytes.all(|b| b"_-".contains(&b) || b.is_ascii_lowercase() || b.is_ascii_digit());
        fits && !part.is_empty()
    };
    let is_test = |word: &&str| {
        let parts = word.split_once("::");
        parts.is_some_and(|(owner, test)| plain(owner) && plain(test))
    };
    let tests = words.filter(is_test);
    tests.map(|word| format!("`{word}`")).collect()
}

/// Pieces of a page with the mark that each begins with. A piece ends where the next one or a
/// section begins.
fn pieces(text: &str, mark: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let mut pieces: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(mark) = mark(line) {
            pieces.push((mark, String::new()));
            open = true;
        } else if line.starts_with("## ") {
            open = false;
        }
        if let (true, Some((_, piece))) = (open, pieces.last_mut()) {
            piece.push_str(line);
            piece.push('\n');
        }
    }
    pieces
}

fn number(line: &str, after: &str) -> Option<String> {
    let (number, rest) = line.split_once(". ")?;
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    (digits && rest.starts_with(after)).then(|| number.to_owned())
}

/// `7. **Every step may run twice**`
fn promise(line: &str) -> Option<String> {
    number(line, "**")
}

/// `## 7. What changes beside the record`
fn case(line: &str) -> Option<String> {
    number(line.strip_prefix("## ")?, "")
}

/// `| A7 | Every changed record is reported`
fn assumption(line: &str) -> Option<String> {
    let first = line.strip_prefix("| A")?.split('|').next()?.trim();
    let digits = first.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| format!("A{first}"))
}

/// What is wrong with a page: names of tests that are none, pieces that are missing or out of
/// order, pieces that name no test.
fn faults(
    text: &str,
    all: &BTreeSet<String>,
    mark: impl Fn(&str) -> Option<String>,
    wanted: &[String],
) -> Vec<String> {
    let names = named(text);
    let missing = names.difference(all);
    let mut faults: Vec<String> = missing
        .map(|name| format!("no such test: {name}"))
        .collect();
    let pieces = pieces(text, mark);
    let marks: Vec<&String> = pieces.iter().map(|(mark, _)| mark).collect();
    if marks != wanted.iter().collect::<Vec<_>>() {
        faults.push(format!("{marks:?} stand there, not {wanted:?}"));
    }
    let empty = pieces.iter().filter(|(_, text)| named(text).is_empty());
    faults.extend(empty.map(|(mark, _)| format!("{mark} names no test")));
    faults
}

fn page(name: &str) -> String {
    fs::read_to_string(super::root().join(name)).expect("the page")
}

fn numbers(to: u8, letter: &str) -> Vec<String> {
    (1..=to).map(|number| format!("{letter}{number}")).collect()
}

#[test]
fn every_promise_and_every_assumption_names_tests_that_exist() {
    let (text, all) = (page("docs/spec.md"), marks().all);
    let none: Vec<String> = Vec::new();
    assert_eq!(faults(&text, &all, promise, &numbers(21, "")), none);
    assert_eq!(faults(&text, &all, assumption, &numbers(10, "A")), none);
}

#[test]
fn every_hard_case_names_tests_that_exist() {
    let (text, all) = (page("docs/hard-cases.md"), marks().all);
    let none: Vec<String> = Vec::new();
    assert_eq!(faults(&text, &all, case, &numbers(20, "")), none);
}

#[test]
fn a_wrong_name_a_missing_piece_and_one_without_a_test_are_told() {
    let all = BTreeSet::from(["`one::is_there`".to_owned()]);
    let good = "| A1 | words | `one::is_there` |\n\n1. **Words.** Shown by `one::is_there`.\n";
    let none: Vec<String> = Vec::new();
    let told = |text: &str| faults(text, &all, promise, &numbers(1, ""));
    assert_eq!(told(good), none);
    assert_eq!(
        told(&good.replace("by `one::is_there`", "by `one::is_gone`")),
        ["no such test: `one::is_gone`"]
    );
    let bare = "1. **Words.** Shown by nothing.\n\n## After\n`one::is_there`\n";
    assert_eq!(told(bare), ["1 names no test"]);
    assert_eq!(
        faults(good, &all, promise, &numbers(2, "")),
        [r#"["1"] stand there, not ["1", "2"]"#]
    );
    let rows = |text: &str| faults(text, &all, assumption, &numbers(1, "A"));
    assert_eq!(rows(good), none);
    assert_eq!(rows("| A1 | words | none |"), ["A1 names no test"]);
    assert_eq!(case("## 12. A cursor"), Some("12".to_owned()));
}
