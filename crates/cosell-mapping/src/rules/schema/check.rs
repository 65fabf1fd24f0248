//! A compiled mapping held against what the services have.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Access, ChoiceForm, CurrencyPlace, DateForm, FieldRule, Lens, LensSpec, ListShape, Path,
    RecordKind, RowState, Shape,
};

use super::{Column, ColumnKind, Schema};
use crate::rules::{Fault, Faults, Mapping, compile::placed};

impl Mapping {
    /// Everything in which the mapping does not fit the services: places that do not exist, hold
    /// something else, cannot be written, are too short, lack options; required columns that no
    /// rule fills. Errors forbid using it, warnings tell what an owner should know.
    ///
    /// ```
    /// use cosell_mapping::rules::{CONNECTOR, Loader, Mapping, Registry, Schema, Source};
    ///
    /// let text = CONNECTOR.replace("\"referralProgram\"", "\"referralProgramme\"");
    /// let loaded = Loader::default().load(&Source::new("mine.toml", text))?;
    /// let mapping = Mapping::from_loaded(&loaded, &Registry::default())?;
    /// let report = mapping.check(&Schema::of_referrals());
    /// assert!(report.to_string().contains("no referralProgramme"));
    /// # Ok::<(), cosell_mapping::rules::Faults>(())
    /// ```
    pub fn check(&self, schema: &Schema) -> Faults {
        let mut check = Check {
            schema,
            faults: Vec::new(),
        };
        for rule in self.fields.iter() {
            check.rule(self, rule);
        }
        for kind in [RecordKind::Referral, RecordKind::Row] {
            check.required(self, kind);
        }
        placed(check.faults, &self.places)
    }
}

struct Check<'a> {
    schema: &'a Schema,
    faults: Vec<Fault>,
}

/// One place that a lens uses, and as what.
struct Use<'a> {
    /// The member of the rule's side that names it.
    member: &'static str,
    path: &'a Path,
    kinds: &'static [ColumnKind],
    limit: Option<usize>,
    written: bool,
}

const TEXTS: &[ColumnKind] = &[ColumnKind::Text];
const WORDS: &[ColumnKind] = &[ColumnKind::Text, ColumnKind::Choice];
const NUMBERS: &[ColumnKind] = &[ColumnKind::Number];
const FLAGS: &[ColumnKind] = &[ColumnKind::Flag];
const DAYS: &[ColumnKind] = &[ColumnKind::Date];
const MOMENTS: &[ColumnKind] = &[ColumnKind::Moment];
const LISTS: &[ColumnKind] = &[ColumnKind::List];
const LOOKUPS: &[ColumnKind] = &[ColumnKind::Lookup];
const BINDS: &[ColumnKind] = &[ColumnKind::Bind];
const CHOICES: &[ColumnKind] = &[ColumnKind::Choice];
const ANY: &[ColumnKind] = &[];

fn uses(shape: &Shape) -> Vec<Use<'_>> {
    let one = |path, kinds, limit| {
        vec![Use {
            member: "path",
            path,
            kinds,
            limit,
            written: true,
        }]
    };
    let read = |member, path, kinds| Use {
        member,
        path,
        kinds,
        limit: None,
        written: false,
    };
    let write = |member, path, kinds| Use {
        written: true,
        ..read(member, path, kinds)
    };
    match shape {
        Shape::Text(text) => one(&text.path, TEXTS, text.limit),
        Shape::Number(number) => one(&number.path, NUMBERS, None),
        Shape::Date(date) if date.form == DateForm::Day => one(&date.path, DAYS, None),
        Shape::Date(date) => one(&date.path, MOMENTS, None),
        Shape::Instant(moment) => one(&moment.path, MOMENTS, None),
        Shape::Flag(flag) => {
            let mut uses = one(&flag.path, FLAGS, None);
            let implied = flag.implied_by.iter();
            uses.extend(implied.map(|path| read("implied-by", path, ANY)));
            uses
        }
        Shape::Choice(choice) if choice.form == ChoiceForm::Label => {
            one(&choice.path, CHOICES, None)
        }
        Shape::Choice(choice) => one(&choice.path, WORDS, None),
        Shape::List(list) => one(&list.path, LISTS, None),
        Shape::Ids(ids) => one(&ids.path, TEXTS, ids.limit),
        Shape::Money(money) => {
            let mut uses = one(&money.amount, NUMBERS, None);
            match &money.currency {
                CurrencyPlace::Code(code) => uses.push(write("currency", code, TEXTS)),
                CurrencyPlace::Lookup { id, bind } => {
                    uses.push(read("currency-id", id, LOOKUPS));
                    uses.push(write("currency-bind", bind, BINDS));
                }
            }
            uses.extend(
                money
                    .computed
                    .iter()
                    .map(|flag| write("computed", flag, FLAGS)),
            );
            uses
        }
        Shape::Lookup(lookup) => vec![
            read("path", &lookup.id, LOOKUPS),
            write("bind", &lookup.bind, BINDS),
        ],
        Shape::Join(join) => {
            let each = |path| Use {
                limit: join.limit,
                ..write("paths", path, TEXTS)
            };
            join.paths.iter().map(each).collect()
        }
        Shape::Template(template) => {
            let paths = template.paths();
            paths.map(|path| read("template", path, ANY)).collect()
        }
        Shape::Function(function) => uses(&function.inner),
        // Parts, states and lenses of others are asked one by one.
        Shape::Parts(_) | Shape::ReferralState(_) | Shape::RowState(_) => Vec::new(),
        Shape::Constant(_) | Shape::Custom(_) => Vec::new(),
    }
}

fn side(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Referral => "referral",
        RecordKind::Row => "crm",
    }
}

impl Check<'_> {
    fn rule(&mut self, mapping: &Mapping, rule: &FieldRule) {
        for kind in [RecordKind::Referral, RecordKind::Row] {
            if self.schema.of(kind).is_empty() {
                continue;
            }
            let lens = rule.lens(kind);
            let key = format!("fields.{}.{}", rule.field, side(kind));
            if let Shape::Parts(parts) = &lens.shape {
                for part in &parts.parts {
                    let key = format!("fields.{}.parts.{}.{}", rule.field, part.name, side(kind));
                    let used = Use {
                        member: "path",
                        path: &part.path,
                        kinds: TEXTS,
                        limit: part.limit,
                        written: true,
                    };
                    self.used(&key, kind, lens, &used);
                }
            }
            if let (RecordKind::Row, Shape::List(list)) = (kind, &lens.shape) {
                self.related(&key, lens, list);
                continue;
            }
            for used in uses(&lens.shape) {
                self.used(&key, kind, lens, &used);
            }
            match &lens.shape {
                Shape::Custom(custom) => self.custom(&key, kind, lens, &*custom.item),
                Shape::RowState(state) => self.state(&key, state),
                _ => {}
            }
            if let Some(condition) = &lens.condition
                && !self.schema.of(kind).contains_key(&condition.path)
            {
                self.missing(&format!("{key}.only-if"), kind, &condition.path);
            }
            self.words(&key, kind, lens);
        }
        let file = mapping.file.fields.get(&rule.field);
        let written = [&rule.referral, &rule.row].map(|lens| lens.access != Access::Never);
        if written == [false, false] && file.is_some() {
            self.faults.push(
                Fault::new(
                    format!("fields.{}", rule.field),
                    "the rule writes neither side",
                    "remove it, or let it write one",
                )
                .warning(),
            );
        }
    }

    /// A list of the CRM is made of related rows, which rules only read.
    fn related(&mut self, key: &str, lens: &LensSpec, list: &ListShape) {
        for path in &list.columns() {
            let used = Use {
                member: "members",
                path,
                kinds: TEXTS,
                limit: None,
                written: false,
            };
            self.used(key, RecordKind::Row, lens, &used);
        }
        if lens.access != Access::Never {
            self.faults.push(Fault::new(
                key,
                format!("{} are related rows, which rules only read", list.path),
                "write direction = \"to-partner-center\"",
            ));
        }
    }

    /// What a lens of the program's own makes of its places, it knows; that they are there, not.
    fn custom(&mut self, key: &str, kind: RecordKind, lens: &LensSpec, custom: &dyn Lens) {
        let places = [(custom.reads(), false), (custom.writes(), true)];
        for (paths, written) in places {
            for path in &paths {
                let used = Use {
                    member: "lens",
                    path,
                    kinds: ANY,
                    limit: None,
                    written,
                };
                self.used(key, kind, lens, &used);
            }
        }
    }

    /// The status reasons that a rule names are options of the CRM.
    fn state(&mut self, key: &str, state: &RowState) {
        let path = Path::known("statuscode");
        let Some(column) = self.schema.crm.get(&path) else {
            return;
        };
        if column.numbers.is_empty() {
            return;
        }
        let named = [
            ("accepted", state.accepted),
            ("pending", state.pending),
            ("won", state.won),
            ("lost", state.lost),
        ];
        let unknown = named
            .into_iter()
            .filter(|(_, number)| !column.numbers.contains(number));
        self.faults.extend(unknown.map(|(member, number)| {
            let has: Vec<String> = column.numbers.iter().map(ToString::to_string).collect();
            Fault::new(
                format!("{key}.{member}"),
                format!("{path} has no status reason {number}"),
                format!("write one of {}", has.join(", ")),
            )
        }));
    }

    fn missing(&mut self, key: &str, kind: RecordKind, path: &Path) {
        let record = match kind {
            RecordKind::Referral => "a referral",
            RecordKind::Row => "the CRM row",
        };
        let name = path.to_string().to_lowercase();
        let near = self.schema.of(kind).keys().find(|known| {
            let known = known.to_string().to_lowercase();
            known == name || known.ends_with(&format!("/{name}")) || known.starts_with(&name)
        });
        let cure = match near {
            Some(near) => format!("did you mean {near}?"),
            None if kind == RecordKind::Row => "create the column, or name another".to_owned(),
            None => "name a place of the contract".to_owned(),
        };
        self.faults
            .push(Fault::new(key, format!("{record} has no {path}"), cure));
    }

    fn used(&mut self, key: &str, kind: RecordKind, lens: &LensSpec, used: &Use<'_>) {
        let member = format!("{key}.{}", used.member);
        let Some(column) = self.schema.of(kind).get(used.path).cloned() else {
            self.missing(&member, kind, used.path);
            return;
        };
        let path = used.path;
        if let (RecordKind::Row, ColumnKind::Choice, Shape::Choice(choice)) =
            (kind, column.kind, &lens.shape)
            && choice.form == ChoiceForm::Word
        {
            self.faults.push(Fault::new(
                format!("{key}.form"),
                format!("{path} holds numbers, the rule writes words"),
                "write form = \"label\"",
            ));
        }
        if !used.kinds.is_empty() && !used.kinds.contains(&column.kind) {
            self.faults.push(Fault::new(
                member.as_str(),
                format!(
                    "{path} holds {:?}, the rule wants {:?}",
                    column.kind, used.kinds
                ),
                "choose another transform, form or place",
            ));
        }
        if used.written {
            self.writable(key, &member, kind, lens.access, path, &column);
        }
        let length = column.length.zip(used.limit);
        if let Some((length, limit)) = length.filter(|(length, limit)| limit > length) {
            self.faults.push(Fault::new(
                format!("{key}.limit"),
                format!("{path} holds {length} UTF-16 units, the rule allows {limit}"),
                format!("write limit = {length}"),
            ));
        }
        if let (Some(length), Shape::Text(text)) = (column.length, &lens.shape)
            && used.limit.is_none()
            && used.written
            && lens.access != Access::Never
            && !text.country
        {
            self.faults.push(
                Fault::new(
                    member.as_str(),
                    format!("{path} holds {length} UTF-16 units and the rule names no limit"),
                    format!("write limit = {length}, so that the file says what is shortened"),
                )
                .warning(),
            );
        }
        if let (Some(has), Shape::Number(number)) = (column.decimals, &lens.shape)
            && number.decimals.is_none_or(|decimals| decimals > has)
            && lens.access != Access::Never
        {
            self.faults.push(Fault::new(
                format!("{key}.decimals"),
                format!("{path} holds {has} decimals, the rule may write more"),
                format!("write decimals = {has}"),
            ));
        }
    }

    fn writable(
        &mut self,
        key: &str,
        member: &str,
        kind: RecordKind,
        access: Access,
        path: &Path,
        column: &Column,
    ) {
        let (create, update) = match access {
            Access::Never => (false, false),
            Access::AtCreation(_) => (true, false),
            Access::AfterCreation => (false, true),
            _ => (true, true),
        };
        if !column.on_create && !column.on_update && (create || update) {
            self.faults.push(Fault::new(
                member,
                format!("{path} can only be read"),
                match kind {
                    RecordKind::Referral => "write direction = \"to-crm\"",
                    RecordKind::Row => "write direction = \"to-partner-center\"",
                },
            ));
        } else if update && !column.on_update {
            let what = match kind {
                RecordKind::Referral => format!("{path} is none of the paths that may be patched"),
                RecordKind::Row => format!("{path} cannot be changed later"),
            };
            self.faults.push(Fault::new(
                format!("{key}.write"),
                what,
                "write write = \"create\"",
            ));
        } else if create && !column.on_create {
            self.faults.push(Fault::new(
                format!("{key}.write"),
                format!("{path} cannot be given to a new record"),
                "write write = \"update\"",
            ));
        } else if update && column.frozen_when_shared {
            self.faults.push(
                Fault::new(
                    member,
                    format!("{path} is fixed once the deal was shared"),
                    "expect the field to be held from then on",
                )
                .warning(),
            );
        }
    }

    fn words(&mut self, key: &str, kind: RecordKind, lens: &LensSpec) {
        let mut shape = &lens.shape;
        while let Shape::Function(function) = shape {
            shape = &function.inner;
        }
        let Shape::Choice(choice) = shape else {
            return;
        };
        let Some(column) = self.schema.of(kind).get(&choice.path) else {
            return;
        };
        if column.words.is_empty() {
            return;
        }
        let folded = |word: &str| match choice.form {
            ChoiceForm::Label => word.trim().to_lowercase(),
            ChoiceForm::Word => word.to_owned(),
        };
        let has: BTreeMap<String, &String> = column
            .words
            .iter()
            .map(|word| (folded(word), word))
            .collect();
        let said: BTreeSet<String> = choice
            .to
            .values()
            .chain(choice.back.keys())
            .map(|word| folded(word))
            .collect();
        let path = &choice.path;
        let member = key.rsplit_once('.').map_or(key, |(rule, _)| rule);
        for word in choice
            .to
            .values()
            .filter(|word| !has.contains_key(&folded(word)))
        {
            self.faults.push(Fault::new(
                format!("{member}.values"),
                format!("{path} has no option {word:?}"),
                "add the option there, or correct the word",
            ));
        }
        let unsaid: Vec<&str> = has
            .iter()
            .filter(|(word, _)| !said.contains(*word))
            .map(|(_, word)| word.as_str())
            .collect();
        if !unsaid.is_empty() {
            self.faults.push(
                Fault::new(
                    format!("{member}.values"),
                    format!("{path} also has {}", unsaid.join(", ")),
                    match choice.unknown {
                        crate::UnknownWord::Hold => "map them too; until then they are held",
                        crate::UnknownWord::As(_) => "map them too, or let the fallback serve",
                    },
                )
                .warning(),
            );
        }
    }

    fn required(&mut self, mapping: &Mapping, kind: RecordKind) {
        let filled: BTreeSet<Path> = mapping
            .fields
            .iter()
            .filter(|rule| rule.lens(kind).access != Access::AfterCreation)
            .flat_map(|rule| rule.lens(kind).writes())
            .collect();
        for (path, column) in self.schema.of(kind) {
            if !column.required && !column.asked_for
                || filled.iter().any(|place| place.covers(path))
            {
                continue;
            }
            let record = match kind {
                RecordKind::Referral => "referral",
                RecordKind::Row => "CRM row",
            };
            let (needs, cure) = if column.required {
                (
                    format!("a new {record} needs {path}, and no rule fills it"),
                    "add a rule, for instance one with a constant on the other side",
                )
            } else {
                (
                    format!("the forms ask for {path}, and no rule fills it"),
                    "add a rule if new rows should have it",
                )
            };
            let fault = Fault::new("fields", needs, cure);
            self.faults.push(if column.required {
                fault
            } else {
                fault.warning()
            });
        }
    }
}
