//! Every member that a rule may have: what it takes, for which transforms, and what it is for.
//!
//! The reader, the JSON Schema for editors and the field guide all stand on this one table.

mod editor;

pub use editor::json_schema;

use super::{
    Conflict, Direction, Empty, Fault, Form, Later, StateBirth, Stray, TooLongRule, Transform,
    UnknownRule, Write,
    node::{Item, Node},
};

/// What a member takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    Flag,
    /// A whole number from zero.
    Count,
    Number,
    Word(&'static [&'static str]),
    Scalar,
    Texts,
    Map,
    Only,
    /// A table with keys of its own.
    Table,
}

/// One member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The transforms it is for; empty for all.
    pub(super) on: &'static [Transform],
    pub(super) about: &'static str,
}

const fn key(name: &'static str, kind: Kind, on: &'static [Transform], about: &'static str) -> Key {
    Key {
        name,
        kind,
        on,
        about,
    }
}

use Transform::{
    Choice, Custom, Date, Flag, Instant, Lookup, Money, Number, Parts, Set, State, Text,
};

/// Members of the file itself.
pub(super) const FILE: &[Key] = &[
    key("name", Kind::Text, &[], "what the mapping is called"),
    key(
        "version",
        Kind::Text,
        &[],
        "its version, in the words of its owner",
    ),
    key("base", Kind::Text, &[], "the mapping that this one changes"),
    key(
        "remove",
        Kind::Texts,
        &[],
        "fields of the base, or members of their rules, that go",
    ),
    key("fields", Kind::Table, &[], "the rules, by field"),
];

/// Members of a rule.
pub(super) const RULE: &[Key] = &[
    key("about", Kind::Text, &[], "what the field is, for people"),
    key(
        "transform",
        Kind::Word(Transform::WORDS),
        &[],
        "what kind of value the rule carries",
    ),
    key(
        "direction",
        Kind::Word(Direction::WORDS),
        &[],
        "where the rule goes; both ways unless said otherwise",
    ),
    key(
        "conflict",
        Kind::Word(Conflict::WORDS),
        &[],
        "who wins when both sides moved; the CRM unless said otherwise",
    ),
    key(
        "stray",
        Kind::Word(Stray::WORDS),
        &[],
        "what becomes of an edit on the side of a one-way rule that only follows; it is put back where the side can be written at any time, and is in the conflict log either way",
    ),
    key(
        "referral",
        Kind::Table,
        &[],
        "how the value stands in the referral; a path alone may stand for a table",
    ),
    key(
        "crm",
        Kind::Table,
        &[],
        "how the value stands in the CRM row; a path alone may stand for a table",
    ),
    key(
        "values",
        Kind::Map,
        &[Choice],
        "the referral's words to the CRM's",
    ),
    key(
        "back",
        Kind::Map,
        &[Choice],
        "the CRM's words to the referral's, where the way back differs",
    ),
    key(
        "unknown",
        Kind::Word(UnknownRule::WORDS),
        &[Choice],
        "what becomes of a word that the values do not know",
    ),
    key(
        "fallback",
        Kind::Text,
        &[Choice],
        "the referral's word that every unknown one is read as",
    ),
    key(
        "parts",
        Kind::Table,
        &[Parts],
        "the texts that travel as one, by name",
    ),
];

/// Members of one text of several.
pub(super) const PART: &[Key] = &[
    key(
        "referral",
        Kind::Table,
        &[],
        "where it stands in the referral",
    ),
    key("crm", Kind::Table, &[], "where it stands in the CRM row"),
    key(
        "country",
        Kind::Flag,
        &[],
        "it is a country as an ISO 3166 alpha-2 code",
    ),
];

/// Members of one side of such a text.
pub(super) const PART_SIDE: &[Key] = &[
    key("path", Kind::Text, &[], "where it stands"),
    key("limit", Kind::Count, &[], "longest text in UTF-16 units"),
    key("required", Kind::Flag, &[], "a new record needs it"),
];

/// Members of a side.
pub(super) const SIDE: &[Key] = &[
    key(
        "path",
        Kind::Text,
        &[
            Text, Number, Money, Date, Instant, Flag, Choice, Set, Lookup,
        ],
        "where the value stands, members parted by slashes",
    ),
    key(
        "paths",
        Kind::Texts,
        &[Text, Lookup],
        "where the pieces of a text stand, in order",
    ),
    key(
        "separator",
        Kind::Text,
        &[Text, Lookup],
        "the one character between two pieces; a blank unless said otherwise",
    ),
    key(
        "template",
        Kind::Text,
        &[Text, Lookup],
        "a text made of several places, such as \"{name} ({status})\"; the side is only read",
    ),
    key(
        "constant",
        Kind::Scalar,
        &[Text, Number, Money, Date, Flag, Choice, Lookup],
        "the same value whatever the record holds; the side is only read",
    ),
    key(
        "default",
        Kind::Scalar,
        &[Text, Number, Money, Date, Flag, Choice, Lookup],
        "what is written where the other side has nothing",
    ),
    key(
        "write",
        Kind::Word(Write::WORDS),
        &[],
        "when the side is written; always unless said otherwise",
    ),
    key(
        "later",
        Kind::Word(Later::WORDS),
        &[],
        "why a side written at creation refuses later",
    ),
    key(
        "only-if",
        Kind::Only,
        &[],
        "what must stand in the record so that it is written: { path, is = [..] }; a new record is written in any case",
    ),
    key(
        "empty",
        Kind::Word(Empty::WORDS),
        &[
            Text, Number, Money, Date, Instant, Flag, Choice, Set, Lookup,
        ],
        "what an empty value does here; a referral and an amount keep, the CRM clears",
    ),
    key(
        "limit",
        Kind::Count,
        &[Text, Set, Lookup],
        "longest text in UTF-16 units; the CRM's own metadata goes before it",
    ),
    key(
        "too-long",
        Kind::Word(TooLongRule::WORDS),
        &[Text, Lookup],
        "what becomes of a longer text; it is shortened unless said otherwise",
    ),
    key(
        "required",
        Kind::Flag,
        &[Text, Lookup],
        "a new record needs it",
    ),
    key(
        "tick",
        Kind::Flag,
        &[Text],
        "the mark of the sync may stand before the text and is no part of it",
    ),
    key(
        "trim",
        Kind::Flag,
        &[Text, Lookup],
        "blanks at both ends are no part of the text",
    ),
    key(
        "entities",
        Kind::Flag,
        &[Text, Parts, Lookup],
        "HTML entities may come out; yes for a referral",
    ),
    key(
        "country",
        Kind::Flag,
        &[Text, Lookup],
        "it is a country as an ISO 3166 alpha-2 code",
    ),
    key(
        "decimals",
        Kind::Count,
        &[Number],
        "decimals that the place holds; more are rounded",
    ),
    key(
        "currency",
        Kind::Text,
        &[Money],
        "where the currency's ISO code stands",
    ),
    key(
        "currency-id",
        Kind::Text,
        &[Money],
        "the column that tells the currency row",
    ),
    key(
        "currency-bind",
        Kind::Text,
        &[Money],
        "the property that binds the currency row",
    ),
    key(
        "computed",
        Kind::Text,
        &[Money],
        "the flag that says the platform computes the amount",
    ),
    key(
        "form",
        Kind::Word(Form::WORDS),
        &[Date, Choice],
        "how the value is written: a date as day or moment, a choice as word or label",
    ),
    key("absent", Kind::Flag, &[Flag], "what absence means"),
    key("one-way", Kind::Flag, &[Flag], "yes is for ever"),
    key(
        "implied-by",
        Kind::Text,
        &[Flag],
        "a place that makes it yes while it is filled",
    ),
    key(
        "nothing",
        Kind::Texts,
        &[Choice],
        "words of this side that mean nothing",
    ),
    key(
        "table",
        Kind::Text,
        &[Lookup],
        "logical name of the table that the lookup goes to",
    ),
    key(
        "entity-set",
        Kind::Text,
        &[Lookup],
        "entity set of that table",
    ),
    key(
        "bind",
        Kind::Text,
        &[Lookup],
        "the property that binds a row of it",
    ),
    key(
        "key",
        Kind::Text,
        &[Set, Lookup],
        "the member that tells one object of a list from another, without which ids stand in one text; of a lookup, the column of its table that both sides know",
    ),
    key(
        "members",
        Kind::Map,
        &[Set],
        "names of parts and the members they stand in",
    ),
    key(
        "new",
        Kind::Map,
        &[Set],
        "what a new object of the list gets besides",
    ),
    key(
        "fold",
        Kind::Flag,
        &[Set],
        "keys are compared without regard to case",
    ),
    key(
        "complete",
        Kind::Flag,
        &[Set],
        "an object that lacks one of the members counts for nothing",
    ),
    key(
        "grows",
        Kind::Flag,
        &[Set],
        "objects that the other side does not have stay: the list only grows",
    ),
    key(
        "most",
        Kind::Count,
        &[Set],
        "most objects; 50 unless said otherwise",
    ),
    key(
        "birth",
        Kind::Word(StateBirth::WORDS),
        &[State],
        "the state that a new referral is sent with",
    ),
    key(
        "win-from-new",
        Kind::Flag,
        &[State],
        "a new referral may be won at once",
    ),
    key(
        "accepted",
        Kind::Number,
        &[State],
        "status reason of an accepted deal's row",
    ),
    key(
        "pending",
        Kind::Number,
        &[State],
        "status reason of a pending deal's row",
    ),
    key("won", Kind::Number, &[State], "status reason of a won row"),
    key(
        "lost",
        Kind::Number,
        &[State],
        "status reason of a lost row",
    ),
    key(
        "function",
        Kind::Text,
        &[Text, Number, Date, Flag, Choice, Instant],
        "a registered function between what is stored and the value",
    ),
    key("lens", Kind::Text, &[Custom], "a registered lens"),
];

/// Longest text of a file's members in bytes; longer ones are no rule of anybody's.
const LONGEST: usize = 4096;
/// Most entries of a map or list.
const MOST: usize = 2000;

/// All that is wrong with the members of a table, apart from what they mean.
pub(super) fn check(
    node: &Node,
    prefix: &str,
    keys: &[Key],
    transform: Option<Transform>,
    faults: &mut Vec<Fault>,
) {
    let Some(members) = node.table() else {
        faults.push(node.fault(prefix, format!("it is {}", node.kind()), "write a table"));
        return;
    };
    for (name, member) in members {
        let dotted = dotted(prefix, name);
        let Some(key) = keys.iter().find(|key| key.name == name) else {
            faults.push(member.fault(
                shown(&dotted),
                "no such member",
                known(name, keys, transform),
            ));
            continue;
        };
        if let Some(transform) = transform
            && !key.on.is_empty()
            && !key.on.contains(&transform)
        {
            faults.push(member.fault(
                dotted,
                format!("it says nothing for the transform {transform}"),
                "remove it, or choose another transform",
            ));
            continue;
        }
        if let Some((what, cure)) = misfit(member, key.kind) {
            faults.push(member.fault(dotted, what, cure));
        }
    }
}

pub(super) fn dotted(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

/// A name from outside, short enough to be shown and without control characters.
pub(super) fn shown(name: &str) -> String {
    let short: String = name.chars().filter(|c| !c.is_control()).take(120).collect();
    short
}

fn known(name: &str, keys: &[Key], transform: Option<Transform>) -> String {
    let fitting = |key: &&Key| {
        let fits = |transform| key.on.is_empty() || key.on.contains(&transform);
        transform.is_none_or(fits)
    };
    let near = keys
        .iter()
        .filter(fitting)
        .map(|key| (distance(name, key.name), key.name))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    match near {
        Some((_, near)) => format!("did you mean {near}?"),
        None => {
            let fitting = keys.iter().filter(fitting);
            let names: Vec<&str> = fitting.map(|key| key.name).collect();
            format!("remove it; known are {}", names.join(", "))
        }
    }
}

/// How many letters to change from one word to the other.
fn distance(left: &str, right: &str) -> usize {
    if left.len() > 40 {
        return usize::MAX;
    }
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (before + usize::from(a != *b))
                .min(above + 1)
                .min(row[j] + 1);
            before = above;
        }
    }
    row[right.len()]
}

fn misfit(node: &Node, kind: Kind) -> Option<(String, String)> {
    let wrong = |wanted: &str| Some((format!("it is {}", node.kind()), format!("write {wanted}")));
    let long = |text: &str| text.len() > LONGEST;
    match (kind, &node.item) {
        (Kind::Text | Kind::Scalar, Item::Text(text)) if long(text) => Some((
            format!("the text has more than {LONGEST} bytes"),
            "shorten it".to_owned(),
        )),
        (Kind::Word(words), Item::Text(word)) => (!words.contains(&word.as_str())).then(|| {
            (
                format!("{:?} is none of its words", shown(word)),
                format!("write one of {}", words.join(", ")),
            )
        }),
        (Kind::Count, Item::Whole(number)) => (*number < 0 || *number > 10_000_000).then(|| {
            (
                "the number is out of range".to_owned(),
                "write 0 to 10000000".to_owned(),
            )
        }),
        (Kind::Text | Kind::Scalar, Item::Text(_))
        | (Kind::Flag | Kind::Scalar, Item::Flag(_))
        | (Kind::Number | Kind::Scalar, Item::Whole(_))
        | (Kind::Table, Item::Table(_)) => None,
        (Kind::Texts, Item::List(items)) => {
            let fits = |item: &Node| item.text().is_some_and(|text| !long(text));
            (items.len() > MOST || !items.iter().all(fits)).then(|| {
                (
                    "the list holds something else than texts, or too much".to_owned(),
                    "write texts".to_owned(),
                )
            })
        }
        (Kind::Map, Item::Table(members)) => {
            let fits = |(name, item): (&String, &Node)| {
                !long(name) && item.text().is_some_and(|text| !long(text))
            };
            (members.len() > MOST || !members.iter().all(fits)).then(|| {
                (
                    "the table holds something else than texts, or too much".to_owned(),
                    "write \"name\" = \"name\"".to_owned(),
                )
            })
        }
        (Kind::Only, Item::Table(members)) => {
            let path = members.get("path").and_then(Node::text);
            let list = members.get("is").map(|is| misfit(is, Kind::Texts));
            (path.is_none() || list != Some(None) || members.len() != 2).then(|| {
                (
                    "it is no condition".to_owned(),
                    "write { path = \"type\", is = [\"Shared\"] }".to_owned(),
                )
            })
        }
        (Kind::Text, _) => wrong("a text"),
        (Kind::Flag, _) => wrong("true or false"),
        (Kind::Count | Kind::Number, _) => wrong("a whole number"),
        (Kind::Word(words), _) => wrong(&format!("one of {}", words.join(", "))),
        (Kind::Scalar, _) => wrong("a text, a whole number, true or false"),
        (Kind::Texts, _) => wrong("a list of texts"),
        (Kind::Map | Kind::Only | Kind::Table, _) => wrong("a table"),
    }
}
