//! A mapping in words: what each rule reads, does and writes.

use std::fmt::Write as _;

use crate::{
    Access, ChoiceForm, CurrencyPlace, DateForm, Lens, LensSpec, ReasonCode, RecordKind, Shape,
    TooLong, UnknownWord,
};

use super::{Direction, Mapping, Moment, Stray};

impl Mapping {
    /// The mapping as a chapter of a handbook, in Markdown: a section for each field, made from
    /// the rules themselves.
    pub fn guide(&self) -> String {
        let mut text = format!(
            "# The fields of the mapping `{}` {}\n\nGenerated from the mapping; change the \
             mapping, not this text.\n",
            self.file.name, self.file.version
        );
        for (field, rule) in &self.file.fields {
            let Some(compiled) = self.fields.rule(field) else {
                continue;
            };
            let _ = write!(text, "\n## {field}\n\n");
            if !rule.about.is_empty() {
                let _ = write!(text, "{}\n\n", rule.about);
            }
            let _ = write!(text, "| | |\n|---|---|\n| kind | {} |\n", rule.transform);
            for kind in [RecordKind::Referral, RecordKind::Row] {
                let lens = compiled.lens(kind);
                let places: Vec<String> = match lens.reads() {
                    places if places.is_empty() => vec!["a constant".to_owned()],
                    places => places.iter().map(|path| format!("`{path}`")).collect(),
                };
                let _ = writeln!(text, "| {} | {} |", record(kind), places.join(", "));
            }
            for (name, direction) in [
                ("written to the CRM", Direction::ToCrm),
                ("written to Partner Center", Direction::ToPartnerCenter),
            ] {
                let create = rule.writes(direction, Moment::Create);
                let update = rule.writes(direction, Moment::Update);
                let when = match (create, update) {
                    (true, true) => "at creation and later",
                    (true, false) => "at creation",
                    (false, true) => "after creation",
                    (false, false) => "never",
                };
                let _ = writeln!(text, "| {name} | {when} |");
            }
            match self.stray(field) {
                Some(stray) => {
                    let _ = writeln!(text, "| an edit where it only follows | {} |", said(stray));
                }
                None => {
                    let _ = writeln!(text, "| both sides moved | {} |", conflict(rule.conflict));
                }
            }
            for kind in [RecordKind::Referral, RecordKind::Row] {
                for step in steps(compiled.lens(kind)) {
                    let _ = writeln!(text, "| {} | {} |", record(kind), cell(&step));
                }
            }
            if !rule.values.is_empty() {
                text.push_str("\n| referral | CRM |\n|---|---|\n");
                for (referral, crm) in &rule.values {
                    let _ = writeln!(text, "| {} | {} |", cell(referral), cell(crm));
                }
            }
        }
        text
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn record(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Referral => "referral",
        RecordKind::Row => "CRM",
    }
}

fn conflict(conflict: super::Conflict) -> &'static str {
    use super::Conflict;
    match conflict {
        Conflict::Crm => "the CRM's value stands",
        Conflict::PartnerCenter => "the referral's value stands",
        Conflict::Newest => "the value of the record that changed last stands",
        Conflict::Hold => "a person decides",
        Conflict::Merge => "both edits stand, where they do not touch",
    }
}

fn said(stray: Stray) -> &'static str {
    match stray {
        Stray::PutBack => "is undone and kept in the conflict log",
        Stray::Leave => "stays until the leading side moves",
    }
}

/// What a lens does with a value, step by step, and what may get lost.
pub(super) fn steps(lens: &LensSpec) -> Vec<String> {
    let mut steps = Vec::new();
    shape(&lens.shape, &mut steps);
    match lens.access {
        Access::Never => steps.push("is only read".to_owned()),
        Access::AtCreation(ReasonCode::Frozen) => {
            steps.push("is written when the record is made and fixed afterwards".to_owned());
        }
        Access::AtCreation(_) => {
            steps.push("is written when the record is made and cannot be written later".to_owned());
        }
        Access::AfterCreation => steps.push("is written only once the record stands".to_owned()),
        Access::WhileEmpty => {
            steps.push(
                "is written while nothing stands there; what stands there is right".to_owned(),
            );
        }
        Access::Always => {}
    }
    if lens.access == Access::Never {
        return steps;
    }
    if let Some(default) = &lens.default {
        steps.push(format!("gets {default} where the other side has nothing"));
    }
    if let Some(condition) = &lens.condition {
        steps.push(format!(
            "is written only while {} is {}",
            condition.path,
            condition.any_of.join(" or ")
        ));
    }
    steps
}

fn shape(shape: &Shape, steps: &mut Vec<String>) {
    let mut say = |step: &str| steps.push(step.to_owned());
    match shape {
        Shape::Text(text) => {
            if text.entities {
                say("HTML entities are decoded");
            }
            if text.tick {
                say(
                    "the mark of the sync before the text is no part of it, stays, and has its room",
                );
            }
            if text.trim {
                say("blanks at both ends are no part of it");
            }
            if text.country {
                say("takes ISO 3166 alpha-2 codes only");
            }
            if let Some(limit) = text.limit {
                match text.too_long {
                    TooLong::Shorten => say(&format!(
                        "holds {limit} UTF-16 units; of a longer text the beginning is written, and an \
                         edit of the beginning never goes over the whole, so neither side undoes the other"
                    )),
                    TooLong::Refuse => say(&format!(
                        "holds {limit} UTF-16 units; a longer text is not written and waits"
                    )),
                }
            }
            empties(text.clears, steps);
        }
        Shape::Money(money) => {
            match &money.currency {
                CurrencyPlace::Code(_) => say("amount and ISO 4217 code are one value"),
                CurrencyPlace::Lookup { .. } => say(
                    "amount and currency row are one value; rounded to the currency's decimals, \
                     half away from zero, and what is rounded stays so: it is written once",
                ),
            }
            if money.computed.is_some() {
                say("an amount that the platform computes is not written");
            }
            if !money.clears {
                say("nothing or zero never goes over a present amount");
            }
        }
        Shape::Date(date) => {
            match date.form {
                DateForm::Day => say("a day"),
                DateForm::Moment => say(
                    "a moment that means a day of the stated zone; the same day keeps the moment \
                     that stands there",
                ),
            }
            empties(date.clears, steps);
        }
        Shape::Instant(moment) => {
            say("a moment, written in UTC to the second");
            empties(moment.clears, steps);
        }
        Shape::Number(number) => {
            if let Some(decimals) = number.decimals {
                say(&format!(
                    "rounded to {decimals} decimals, half away from zero; what is rounded stays so"
                ));
            }
            empties(number.clears, steps);
        }
        Shape::Flag(flag) => {
            match flag.absent {
                Some(true) => say("absence means yes"),
                Some(false) => say("absence means no"),
                None => {}
            }
            if flag.one_way {
                say("yes is for ever");
            }
            if let Some(filled) = &flag.implied_by {
                say(&format!("yes while {filled} is filled"));
            }
        }
        Shape::Choice(choice) => {
            if choice.form == ChoiceForm::Label {
                say("the option is found by its label in the CRM's metadata");
            }
            if !choice.nothing.is_empty() {
                let words: Vec<&str> = choice.nothing.iter().map(String::as_str).collect();
                say(&format!("{} means nothing", words.join(" or ")));
            }
            match &choice.unknown {
                UnknownWord::Hold => say("an unknown word is held for a person"),
                UnknownWord::As(word) => say(&format!("an unknown word is read as {word}")),
            }
            empties(choice.clears, steps);
        }
        Shape::Lookup(lookup) => {
            say(&format!(
                "the row of {} with this key is bound",
                lookup.table
            ));
            empties(lookup.clears, steps);
        }
        Shape::List(list) => {
            say(&format!(
                "a set of at most {}, told apart by {}; what else stands in an object stays",
                list.most, list.key
            ));
            if list.complete {
                say("what lacks one of its members counts for nothing");
            }
            if list.grows {
                say("what the other side does not have stays");
            }
            empties(list.clears, steps);
        }
        Shape::Ids(ids) => {
            say("a set of ids in one text, parted by commas, semicolons or lines");
            empties(ids.clears, steps);
        }
        Shape::Join(join) => {
            say(&format!(
                "joined and split by {:?}; the last place takes the rest",
                join.separator
            ));
            empties(join.clears, steps);
        }
        Shape::Template(template) => say(&format!("made as {template}")),
        Shape::Constant(value) => say(&format!("always {value}")),
        Shape::Parts(parts) => {
            for part in &parts.parts {
                let mut words = format!("{} at {}", part.name, part.path);
                if let Some(limit) = part.limit {
                    let _ = write!(words, ", {limit} UTF-16 units");
                }
                if part.country {
                    words.push_str(", ISO 3166 alpha-2");
                }
                if part.required {
                    words.push_str(", required");
                }
                say(&words);
            }
        }
        Shape::ReferralState(state) => {
            say(&format!(
                "a new referral is sent as {}/{}",
                state.birth.0, state.birth.1
            ));
            say("New is pending, Active accepted, Closed/Won won, every other known Closed lost");
        }
        Shape::RowState(state) => {
            say(&format!(
                "status reason {} is accepted, every other open one pending; closing writes {} or {}",
                state.accepted, state.won, state.lost
            ));
        }
        Shape::Function(function) => {
            say(&format!(
                "passes through the function {}",
                function.function.name
            ));
            self::shape(&function.inner, steps);
        }
        Shape::Custom(lens) => say(&format!("read and written by the lens {}", lens.name)),
    }
}

fn empties(clears: bool, steps: &mut Vec<String>) {
    steps.push(if clears {
        "an empty value empties it".to_owned()
    } else {
        "an empty value is not written over a present one".to_owned()
    });
}
