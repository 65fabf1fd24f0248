//! One side of a rule becomes a lens.

use std::collections::BTreeMap;

use crate::{
    Access, ChoiceForm, ChoiceShape, Condition, DateShape, FlagShape, FunctionShape, IdsShape,
    InstantShape, JoinShape, LensSpec, ListShape, LookupShape, MoneyShape, NumberShape, Part,
    PartsShape, Path, ReasonCode, RecordKind, ReferralState, RowState, Shape, Template, TextShape,
    TooLong, UnknownWord, Value, lens::same_label,
};

use super::Compiler;
use crate::rules::{
    Direction, Empty, Form, Later, Scalar, Side, StateBirth, TooLongRule, Transform, Write,
};

impl Compiler<'_> {
    pub(super) fn side(&mut self, kind: RecordKind) -> Option<LensSpec> {
        let rule = self.rule;
        let (name, side) = match kind {
            RecordKind::Referral => ("referral", &rule.referral),
            RecordKind::Row => ("crm", &rule.crm),
        };
        let before = self.faults.len();
        let shape = self.shape(kind, name, side);
        let shape = match &side.function {
            None => shape,
            Some(function) => {
                let function = self.function(&format!("{name}.function"), function);
                shape
                    .zip(function)
                    .map(|(shape, function)| Shape::Function(FunctionShape::new(function, shape)))
            }
        };
        let access = self.access(kind, name, side);
        let default = side.default.as_ref();
        let default = default.and_then(|default| self.value(&format!("{name}.default"), default));
        let condition = side.only_if.as_ref().and_then(|only| {
            let path = self.path(&format!("{name}.only-if"), Some(&only.path))?;
            Some(Condition::new(path, only.is.clone()))
        });
        if self.faults.len() > before {
            return None;
        }
        let mut spec = LensSpec::new(kind, shape?).with_access(access);
        spec.default = default;
        spec.condition = condition;
        Some(spec)
    }

    fn access(&mut self, kind: RecordKind, name: &str, side: &Side) -> Access {
        let goes_here = match (self.rule.direction, kind) {
            (Direction::Both, _)
            | (Direction::ToCrm, RecordKind::Row)
            | (Direction::ToPartnerCenter, RecordKind::Referral) => true,
            (Direction::ToCrm, RecordKind::Referral)
            | (Direction::ToPartnerCenter, RecordKind::Row) => false,
        };
        let only_read = side.constant.is_some() || side.template.is_some();
        if only_read && goes_here {
            let away = match kind {
                RecordKind::Referral => Direction::ToCrm,
                RecordKind::Row => Direction::ToPartnerCenter,
            };
            self.fault(
                name,
                "a constant or a template is only read, and the rule writes this side",
                format!("write direction = {:?}", away.word()),
            );
        }
        let later = match side.later {
            Some(Later::Frozen) => ReasonCode::Frozen,
            Some(Later::NotWritable) | None => ReasonCode::NotWritable,
        };
        if side.later.is_some() && side.write != Some(Write::Create) {
            self.fault(
                &format!("{name}.later"),
                "it says something only for a side that is written at creation",
                "remove it, or write write = \"create\"",
            );
        }
        match side.write.unwrap_or(Write::Always) {
            _ if !goes_here => Access::Never,
            Write::Always => Access::Always,
            Write::Create => Access::AtCreation(later),
            Write::Update => Access::AfterCreation,
            Write::WhileEmpty => Access::WhileEmpty,
            Write::Never => Access::Never,
        }
    }

    fn shape(&mut self, kind: RecordKind, name: &str, side: &Side) -> Option<Shape> {
        if let Some(constant) = &side.constant {
            if [&side.path, &side.template]
                .iter()
                .any(|other| other.is_some())
                || side.paths.is_some()
            {
                self.fault(
                    name,
                    "a constant stands at no place",
                    "remove the place or the constant",
                );
            }
            return self
                .value(&format!("{name}.constant"), constant)
                .map(Shape::Constant);
        }
        let clears = match side.empty {
            Some(empty) => empty == Empty::Clear,
            None => kind == RecordKind::Row && self.rule.transform != Transform::Money,
        };
        let place = format!("{name}.path");
        let transform = self.rule.transform;
        let shape = match transform {
            Transform::Text => return self.text(kind, name, side, clears),
            Transform::Lookup if side.table.is_some() => return self.lookup(name, side, clears),
            Transform::Lookup => return self.text(kind, name, side, clears),
            Transform::Number => {
                let mut shape = NumberShape::new(self.path(&place, side.path.as_ref())?);
                shape.decimals = side.decimals.map(|decimals| decimals.min(28));
                shape.clears = clears;
                Shape::Number(shape)
            }
            Transform::Money => return self.money(name, side, clears),
            Transform::Date => {
                let path = self.path(&place, side.path.as_ref())?;
                let form = match (side.form, kind) {
                    (Some(form), _) => form,
                    (None, RecordKind::Referral) => Form::Moment,
                    (None, RecordKind::Row) => Form::Day,
                };
                let mut shape = match form {
                    Form::Day => DateShape::day(path),
                    Form::Moment => DateShape::moment(path),
                    Form::Word | Form::Label => {
                        self.fault(
                            &format!("{name}.form"),
                            "a date has no such form",
                            "write day or moment",
                        );
                        return None;
                    }
                };
                shape.clears = clears;
                Shape::Date(shape)
            }
            Transform::Instant => {
                let mut shape = InstantShape::new(self.path(&place, side.path.as_ref())?);
                shape.clears = clears;
                Shape::Instant(shape)
            }
            Transform::Flag => {
                let mut shape = FlagShape::new(self.path(&place, side.path.as_ref())?);
                shape.absent = side.absent;
                shape.one_way = side.one_way == Some(true);
                if let Some(implied) = &side.implied_by {
                    shape.implied_by =
                        Some(self.path(&format!("{name}.implied-by"), Some(implied))?);
                }
                shape.clears = clears;
                Shape::Flag(shape)
            }
            Transform::Choice => return self.choice(kind, name, side, clears),
            Transform::State => state(kind, side),
            Transform::Parts => return self.parts(kind, name, side),
            Transform::Set => return self.set(name, side, clears),
            Transform::Custom => {
                let Some(lens) = &side.lens else {
                    self.fault(
                        &format!("{name}.lens"),
                        "the rule names none",
                        "write the name of a registered lens",
                    );
                    return None;
                };
                Shape::Custom(self.lens(&format!("{name}.lens"), lens)?)
            }
        };
        Some(shape)
    }

    fn text(&mut self, kind: RecordKind, name: &str, side: &Side, clears: bool) -> Option<Shape> {
        let places = usize::from(side.path.is_some())
            + usize::from(side.paths.is_some())
            + usize::from(side.template.is_some());
        if places != 1 {
            self.fault(
                name,
                format!("the text has {places} places"),
                "write one of path, paths, template and constant",
            );
            return None;
        }
        if let Some(template) = &side.template {
            return match template.parse::<Template>() {
                Ok(template) => Some(Shape::Template(template)),
                Err(error) => {
                    let cause = std::error::Error::source(&error);
                    let what = match cause {
                        Some(cause) => format!("{error}: {cause}"),
                        None => error.to_string(),
                    };
                    self.fault(
                        &format!("{name}.template"),
                        what,
                        "correct the template; places stand in braces",
                    );
                    None
                }
            };
        }
        if let Some(paths) = &side.paths {
            let member = format!("{name}.paths");
            if paths.len() < 2 {
                self.fault(&member, "one place needs no list", "write path instead");
            }
            let mut characters = side.separator.as_deref().unwrap_or(" ").chars();
            let (Some(separator), None) = (characters.next(), characters.next()) else {
                self.fault(
                    &format!("{name}.separator"),
                    "it is not one character",
                    "write one, such as a blank",
                );
                return None;
            };
            let mut known = Vec::new();
            for path in paths {
                known.push(self.path(&member, Some(path))?);
            }
            let mut shape = JoinShape::new(known, separator);
            shape.limit = side.limit;
            shape.clears = clears;
            return Some(Shape::Join(shape));
        }
        let mut shape = TextShape::new(self.path(&format!("{name}.path"), side.path.as_ref())?);
        shape.limit = side.limit;
        shape.entities = side.entities.unwrap_or(kind == RecordKind::Referral);
        shape.tick = side.tick == Some(true);
        shape.clears = clears;
        shape.required = side.required == Some(true);
        shape.trim = side.trim == Some(true);
        shape.country = side.country == Some(true);
        shape.too_long = match side.too_long {
            Some(TooLongRule::Refuse) => TooLong::Refuse,
            Some(TooLongRule::Shorten) | None => TooLong::Shorten,
        };
        Some(Shape::Text(shape))
    }

    fn lookup(&mut self, name: &str, side: &Side, clears: bool) -> Option<Shape> {
        let id = self.path(&format!("{name}.path"), side.path.as_ref());
        let bind = self.path(&format!("{name}.bind"), side.bind.as_ref());
        let Some(set) = &side.entity_set else {
            self.fault(
                &format!("{name}.entity-set"),
                "the lookup does not say where its rows stand",
                "write the entity set, such as systemusers",
            );
            return None;
        };
        let mut shape = LookupShape::new(
            side.table.clone().unwrap_or_default(),
            set.as_str(),
            id?,
            bind?,
        );
        shape.key.clone_from(&side.key);
        shape.clears = clears;
        Some(Shape::Lookup(shape))
    }

    fn money(&mut self, name: &str, side: &Side, clears: bool) -> Option<Shape> {
        let amount = self.path(&format!("{name}.path"), side.path.as_ref());
        let mut shape = match (&side.currency, &side.currency_id, &side.currency_bind) {
            (Some(code), None, None) => {
                let code = self.path(&format!("{name}.currency"), Some(code));
                MoneyShape::coded(amount?, code?)
            }
            (None, Some(id), Some(bind)) => {
                let id = self.path(&format!("{name}.currency-id"), Some(id));
                let bind = self.path(&format!("{name}.currency-bind"), Some(bind));
                MoneyShape::looked_up(amount?, id?, bind?)
            }
            _ => {
                self.fault(
                    &format!("{name}.currency"),
                    "an amount needs one currency",
                    "write currency for a code, or currency-id and currency-bind for a row",
                );
                return None;
            }
        };
        if let Some(computed) = &side.computed {
            shape.computed = Some(self.path(&format!("{name}.computed"), Some(computed))?);
        }
        shape.clears = clears;
        Some(Shape::Money(shape))
    }

    fn choice(&mut self, kind: RecordKind, name: &str, side: &Side, clears: bool) -> Option<Shape> {
        let rule = self.rule;
        let path = self.path(&format!("{name}.path"), side.path.as_ref())?;
        let words = rule.values.keys().map(String::as_str);
        let mut shape = ChoiceShape::of_words(path, words);
        shape.clears = clears;
        shape.form = match side.form {
            None | Some(Form::Word) => ChoiceForm::Word,
            Some(Form::Label) => ChoiceForm::Label,
            Some(Form::Day | Form::Moment) => {
                self.fault(
                    &format!("{name}.form"),
                    "a choice has no such form",
                    "write word or label",
                );
                return None;
            }
        };
        let words = || match kind {
            RecordKind::Referral => rule.values.keys().collect::<Vec<_>>(),
            RecordKind::Row => rule.values.values().chain(rule.back.keys()).collect(),
        };
        shape.nothing = side.nothing.iter().flatten().cloned().collect();
        for none in &shape.nothing {
            if words().iter().any(|word| same_label(word, none)) {
                self.fault(
                    &format!("{name}.nothing"),
                    format!("{none:?} means nothing, and the values say what it means"),
                    "remove it from one of them",
                );
            }
        }
        if let Some(fallback) = &rule.fallback {
            shape.unknown = UnknownWord::As(fallback.clone());
        }
        if kind == RecordKind::Row {
            let pairs = || rule.values.iter();
            shape.to = pairs().map(|(a, b)| (a.clone(), b.clone())).collect();
            // Of several words with one counterpart the first is the way back.
            let mut back: BTreeMap<String, String> =
                pairs().rev().map(|(a, b)| (b.clone(), a.clone())).collect();
            back.extend(rule.back.iter().map(|(a, b)| (a.clone(), b.clone())));
            shape.back = back;
        }
        Some(Shape::Choice(shape))
    }

    fn parts(&mut self, kind: RecordKind, name: &str, side: &Side) -> Option<Shape> {
        let mut parts = Vec::new();
        for (part, both) in &self.rule.parts {
            let here = match kind {
                RecordKind::Referral => &both.referral,
                RecordKind::Row => &both.crm,
            };
            let path = self.path(&format!("parts.{part}.{name}.path"), Some(&here.path))?;
            let mut part = Part::new(part.clone(), path);
            part.limit = here.limit;
            part.required = here.required;
            part.country = both.country;
            parts.push(part);
        }
        let mut shape = PartsShape::new(parts);
        shape.entities = side.entities.unwrap_or(kind == RecordKind::Referral);
        Some(Shape::Parts(shape))
    }

    fn set(&mut self, name: &str, side: &Side, clears: bool) -> Option<Shape> {
        let path = self.path(&format!("{name}.path"), side.path.as_ref())?;
        let Some(key) = &side.key else {
            if side.members.is_some() || side.new.is_some() {
                self.fault(
                    &format!("{name}.key"),
                    "the list does not say what tells its objects apart",
                    "write the member, such as email",
                );
                return None;
            }
            let mut shape = IdsShape::new(path);
            shape.limit = side.limit;
            shape.clears = clears;
            return Some(Shape::Ids(shape));
        };
        let mut shape = ListShape::new(path, key.as_str());
        shape.members = side.members.clone().unwrap_or_default();
        if !shape.members.is_empty() && !shape.members.values().any(|member| member == key) {
            self.fault(
                &format!("{name}.members"),
                format!("the key {key:?} is none of them"),
                "name it as a part too",
            );
            return None;
        }
        shape.constants = side.new.clone().unwrap_or_default();
        shape.fold = side.fold == Some(true);
        shape.most = side.most.unwrap_or(ListShape::MOST);
        shape.complete = side.complete == Some(true);
        shape.grows = side.grows == Some(true);
        shape.clears = clears;
        Some(Shape::List(shape))
    }

    fn path(&mut self, member: &str, path: Option<&String>) -> Option<Path> {
        let Some(text) = path else {
            self.fault(
                member,
                "it is missing",
                "write a path, members parted by slashes",
            );
            return None;
        };
        match text.parse() {
            Ok(path) => Some(path),
            Err(error) => {
                let error: crate::PathError = error;
                self.fault(member, "it is no path", error.to_string());
                None
            }
        }
    }

    fn value(&mut self, member: &str, scalar: &Scalar) -> Option<Value> {
        let text = scalar.to_string();
        let value = match (self.rule.transform, scalar) {
            (Transform::Text | Transform::Lookup, _) => Some(Value::text(text)),
            (Transform::Choice, Scalar::Text(word)) if self.rule.values.contains_key(word) => {
                Some(Value::Choice(text))
            }
            (Transform::Number, Scalar::Text(_) | Scalar::Whole(_)) => {
                text.parse().ok().map(Value::Number)
            }
            (Transform::Flag, Scalar::Flag(flag)) => Some(Value::Flag(*flag)),
            (Transform::Date, Scalar::Text(_)) => text.parse().ok().map(Value::Date),
            (Transform::Money, Scalar::Text(_)) => {
                text.split_once(' ').and_then(|(amount, code)| {
                    let proper = code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
                    let amount = amount.parse().ok()?;
                    proper.then(|| Value::money(amount, code))
                })
            }
            _ => None,
        };
        if value.is_none() {
            self.fault(
                member,
                format!("it is no value of the transform {}", self.rule.transform),
                "write one, such as \"2026-09-30\", \"12.50 EUR\", true, or a word of the values",
            );
        }
        value
    }
}

fn state(kind: RecordKind, side: &Side) -> Shape {
    match kind {
        RecordKind::Referral => {
            let mut state = ReferralState::default();
            match side.birth {
                Some(StateBirth::Accepted) => state.birth = ("Active", "Accepted"),
                Some(StateBirth::Pending) => state.birth = ("New", "Pending"),
                None => {}
            }
            state.win_from_new = side.win_from_new == Some(true);
            Shape::ReferralState(state)
        }
        RecordKind::Row => {
            let mut state = RowState::default();
            let places = [
                (&mut state.accepted, side.accepted),
                (&mut state.pending, side.pending),
                (&mut state.won, side.won),
                (&mut state.lost, side.lost),
            ];
            for (place, number) in places {
                if let Some(number) = number {
                    *place = number;
                }
            }
            Shape::RowState(state)
        }
    }
}
