//! From what a file says to lenses that work.

mod side;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    Access, Authority, FieldId, FieldRule, FieldSet, Function, Lens, Named, RecordKind, RuleFault,
};

use super::{
    Conflict, ContentHash, Direction, Fault, Faults, Loaded, Loader, MappingFile, Place, Rule,
    Source, Stray, Transform, UnknownRule, stable,
};

/// What the embedding program adds to the rules of a file, by the names that files call it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Registry {
    functions: BTreeMap<String, Arc<dyn Function>>,
    lenses: BTreeMap<String, Arc<dyn Lens>>,
}

impl Registry {
    /// With a function that rules name by `function`.
    #[must_use]
    pub fn with_function(mut self, name: impl Into<String>, function: Arc<dyn Function>) -> Self {
        self.functions.insert(name.into(), function);
        self
    }

    /// With a lens that rules name by `lens`.
    #[must_use]
    pub fn with_lens(mut self, name: impl Into<String>, lens: Arc<dyn Lens>) -> Self {
        self.lenses.insert(name.into(), lens);
        self
    }
}

/// A mapping that is fit for use: its rules stand together and come to rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub(super) file: MappingFile,
    pub(super) places: BTreeMap<String, Place>,
    pub(super) fields: FieldSet,
    hash: ContentHash,
}

impl Mapping {
    /// Compiles a mapping that was built in Rust.
    ///
    /// # Errors
    /// Everything that is wrong: members that are missing or exclude each other, maps that do not
    /// go back, names that nobody registered, rules that write one place, rules that do not come
    /// to rest (with the value that showed it).
    pub fn compile(file: &MappingFile, registry: &Registry) -> Result<Self, Faults> {
        Self::with_places(file, BTreeMap::new(), registry)
    }

    /// Compiles a mapping that was read; faults name lines and columns.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn from_loaded(loaded: &Loaded, registry: &Registry) -> Result<Self, Faults> {
        Self::with_places(&loaded.file, loaded.places.clone(), registry)
    }

    fn with_places(
        file: &MappingFile,
        places: BTreeMap<String, Place>,
        registry: &Registry,
    ) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let mut rules = Vec::new();
        for (field, rule) in &file.fields {
            let mut compiler = Compiler {
                key: format!("fields.{field}"),
                rule,
                registry,
                faults: Vec::new(),
            };
            let compiled = compiler.compile(field);
            if compiler.faults.is_empty() {
                rules.extend(compiled);
            }
            faults.append(&mut compiler.faults);
        }
        for rule in &rules {
            faults.extend(stable::check(rule));
        }
        let fields = FieldSet::new(rules).unwrap_or_else(|clashes| {
            faults.extend(clashes.iter().map(clash));
            FieldSet::default()
        });
        if faults.is_empty() {
            Ok(Self {
                hash: ContentHash::of(file),
                file: file.clone(),
                places,
                fields,
            })
        } else {
            Err(placed(faults, &places))
        }
    }

    /// What Microsoft's connector carries, field by field; see
    /// [`field_guide`](super::field_guide).
    pub fn connector() -> Self {
        Self::shipped("connector.toml", super::CONNECTOR)
    }

    /// The fields that every deal has, and no others.
    pub fn minimal() -> Self {
        Self::shipped("minimal.toml", super::MINIMAL)
    }

    fn shipped(name: &str, text: &str) -> Self {
        let loaded = Loader::default().load(&Source::new(name, text));
        loaded
            .and_then(|loaded| Self::from_loaded(&loaded, &Registry::default()))
            .expect("the shipped mappings are fit for use, as their tests show")
    }

    /// The lenses, field by field.
    pub fn fields(&self) -> &FieldSet {
        &self.fields
    }

    /// The rules as data.
    pub fn file(&self) -> &MappingFile {
        &self.file
    }

    /// What the mapping says, as one short text: equal for equal rules, whatever the file's
    /// layout, layers and comments.
    pub fn hash(&self) -> &ContentHash {
        &self.hash
    }

    /// What becomes of an edit on the side of a field that only follows; `None` where the rule
    /// goes both ways.
    pub fn stray(&self, field: &FieldId) -> Option<Stray> {
        let (rule, compiled) = (self.file.fields.get(field)?, self.fields.rule(field)?);
        let follows = match compiled.authority {
            Authority::Shared => return None,
            Authority::Referral => &compiled.row,
            Authority::Row => &compiled.referral,
        };
        let whenever = follows.access == Access::Always;
        Some(rule.stray.unwrap_or(match whenever {
            true => Stray::PutBack,
            false => Stray::Leave,
        }))
    }

    /// Who wins in a field when both sides moved.
    pub fn conflict(&self, field: &FieldId) -> Option<Conflict> {
        self.file.fields.get(field).map(|rule| rule.conflict)
    }
}

/// Gives each fault the place of the innermost member that stands in a file.
pub(super) fn placed(mut faults: Vec<Fault>, places: &BTreeMap<String, Place>) -> Faults {
    for fault in faults.iter_mut().filter(|fault| fault.at.is_none()) {
        let mut key = fault.key.as_str();
        loop {
            if let Some(place) = places.get(key) {
                fault.at = Some(place.clone());
                break;
            }
            match key.rsplit_once('.') {
                Some((outer, _)) => key = outer,
                None => break,
            }
        }
    }
    Faults::new(faults)
}

fn clash(fault: &RuleFault) -> Fault {
    match fault {
        RuleFault::Twice(field) => Fault::new(
            format!("fields.{field}"),
            "the field has two rules",
            "remove one",
        ),
        RuleFault::Overlap {
            first,
            second,
            path,
        } => Fault::new(
            format!("fields.{second}"),
            format!("it writes {path}, and so does the field {first}"),
            "let one of them go, or give it another place",
        ),
        RuleFault::WrongSide { field, under } => Fault::new(
            format!("fields.{field}"),
            format!("a lens for the other record stands under {under:?}"),
            "swap the sides",
        ),
    }
}

/// One rule on its way.
struct Compiler<'a> {
    key: String,
    rule: &'a Rule,
    registry: &'a Registry,
    faults: Vec<Fault>,
}

impl Compiler<'_> {
    fn fault(&mut self, member: &str, what: impl Into<String>, cure: impl Into<String>) {
        let key = super::keys::dotted(&self.key, member);
        self.faults.push(Fault::new(key, what, cure));
    }

    fn compile(&mut self, field: &FieldId) -> Option<FieldRule> {
        match self.rule.transform {
            Transform::Choice => self.choice_words(),
            Transform::Parts if self.rule.parts.is_empty() => {
                self.fault("parts", "the rule has none", "name at least one text");
            }
            _ => {}
        }
        self.conflicts();
        let referral = self.side(RecordKind::Referral);
        let crm = self.side(RecordKind::Row);
        let authority = match self.rule.direction {
            Direction::Both => Authority::Shared,
            Direction::ToCrm => Authority::Referral,
            Direction::ToPartnerCenter => Authority::Row,
        };
        Some(FieldRule::new(field.clone(), referral?, crm?).with_authority(authority))
    }

    fn conflicts(&mut self) {
        let rule = self.rule;
        let merges = matches!(rule.transform, Transform::Set | Transform::Text);
        if rule.conflict == Conflict::Merge && !merges {
            self.fault(
                "conflict",
                format!("two edits of a {} cannot both stand", rule.transform),
                "let one side win, or write conflict = \"hold\"",
            );
        }
        if rule.stray.is_some() && rule.direction == Direction::Both {
            self.fault(
                "stray",
                "the rule goes both ways, so neither side only follows",
                "remove it, or write a direction",
            );
        }
    }

    fn choice_words(&mut self) {
        let rule = self.rule;
        if rule.values.is_empty() {
            self.fault("values", "the rule has none", "write \"word\" = \"word\"");
        }
        match (&rule.unknown, &rule.fallback) {
            (None, None) => self.fault(
                "unknown",
                "the rule does not say what becomes of a word that the values do not know",
                format!(
                    "write unknown = {:?}, or fallback = a word of the values",
                    UnknownRule::Hold.word()
                ),
            ),
            (Some(_), Some(_)) => self.fault(
                "fallback",
                "unknown words are held and read as another at once",
                "remove one of unknown and fallback",
            ),
            (None, Some(word)) if !rule.values.contains_key(word) => self.fault(
                "fallback",
                format!("{word:?} is no word of the values"),
                "write one of them",
            ),
            _ => {}
        }
        let mut seen: BTreeMap<String, &String> = BTreeMap::new();
        for (referral, crm) in &rule.values {
            if let Some(first) = seen.insert(crm.to_lowercase(), referral)
                && rule.direction != Direction::ToCrm
                && !rule.back.contains_key(crm)
            {
                self.fault(
                    &format!("values.{referral}"),
                    format!("{first:?} becomes {crm:?} as well, so {crm:?} has no way back"),
                    format!("give it another word, or write back = {{ {crm:?} = {first:?} }}"),
                );
            }
        }
        let words: BTreeSet<&String> = rule.values.keys().collect();
        for (crm, referral) in &rule.back {
            if !words.contains(referral) {
                self.fault(
                    &format!("back.{crm}"),
                    format!("{referral:?} is no word of the values"),
                    "write one of them",
                );
            }
        }
    }

    fn function(&mut self, member: &str, name: &str) -> Option<Named<dyn Function>> {
        let found = self.registry.functions.get(name).map(Arc::clone);
        if found.is_none() {
            let known: Vec<&str> = self.registry.functions.keys().map(String::as_str).collect();
            self.fault(
                member,
                format!("nobody registered a function {name:?}"),
                registered(&known),
            );
        }
        found.map(|function| Named::new(name, function))
    }

    fn lens(&mut self, member: &str, name: &str) -> Option<Named<dyn Lens>> {
        let found = self.registry.lenses.get(name).map(Arc::clone);
        if found.is_none() {
            let known: Vec<&str> = self.registry.lenses.keys().map(String::as_str).collect();
            self.fault(
                member,
                format!("nobody registered a lens {name:?}"),
                registered(&known),
            );
        }
        found.map(|lens| Named::new(name, lens))
    }
}

fn registered(known: &[&str]) -> String {
    if known.is_empty() {
        "register it in the program; it has none so far".to_owned()
    } else {
        format!(
            "write one of {}, or register it in the program",
            known.join(", ")
        )
    }
}
