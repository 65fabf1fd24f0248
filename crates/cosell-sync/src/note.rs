//! What a turn tells the audit trail. Lines ride with the commit that stores what they tell of.

use cosell_mapping::{FieldId, Value};

use crate::{
    AuditEntry, AuditKind, Change, ConflictEntry, ErrorKind, FieldChange, Intent, IntentKind,
    Observed, RecordId, Side, Told, audit, turn::Turn,
};

impl Turn<'_> {
    /// A line about the pair in this turn's trace.
    pub(crate) fn line(&self, kind: AuditKind, message: String) -> AuditEntry {
        AuditEntry::new(self.hint.trace, self.round.now(), kind, message).of_pair(&self.pair)
    }

    pub(crate) fn note(&mut self, line: AuditEntry) {
        self.noted += 1;
        self.riding.push(self.round.engine.audit_line(line));
    }

    /// A record turned out to be the pair's end on `side`.
    pub(crate) fn bound(&mut self, side: Side, why: &str) {
        self.round.report(|report| report.binds += 1);
        let line = self.line(AuditKind::Bound, why.to_owned()).on(side);
        self.note(line);
    }

    /// The turn did nothing; every hint leaves a word of what came of it.
    pub(crate) fn note_nothing(&mut self, why: &str) {
        if self.noted == 0 {
            let line = self.line(AuditKind::Nothing, why.to_owned());
            self.note(line.on(self.hint.side));
        }
    }

    pub(crate) fn note_conflict(&mut self, entry: &ConflictEntry) {
        let stands = match (entry.kept, &entry.value) {
            (Some(side), _) => format!("the {} value stands", word(side)),
            (None, Some(_)) => "a third value stands".to_owned(),
            (None, None) => "each side keeps its own".to_owned(),
        };
        let words = format!("both sides differ; {stands} ({})", entry.rule);
        let mut line = self.line(AuditKind::Conflict, words);
        line.fields = vec![FieldChange::new(
            entry.field.clone(),
            Some(entry.left.clone()),
            Some(entry.right.clone()),
        )];
        self.note(line);
    }

    /// A write took effect.
    pub(crate) fn note_landed(
        &mut self,
        intent: &Intent,
        id: &RecordId,
        after: Option<&Observed>,
        recovered: bool,
    ) {
        let kind = match &intent.kind {
            _ if recovered => AuditKind::Recovered,
            IntentKind::Create { .. } => AuditKind::Created,
            IntentKind::Update { .. } => AuditKind::Updated,
        };
        let words = format!("from the {} side", word(intent.side.other()));
        let mut line = self.written(intent, kind, words);
        match intent.side {
            Side::Left => line.left = Some(id.clone()),
            Side::Right => line.right = Some(id.clone()),
        }
        line.after = after.map(|record| record.version.clone());
        for change in &mut line.fields {
            if let Some(value) = after.and_then(|record| record.fields.get(&change.field)) {
                change.after = Some(value.clone());
            }
        }
        self.note(line);
    }

    pub(crate) fn note_write(&mut self, intent: &Intent, kind: AuditKind, words: &str) {
        let line = self.written(intent, kind, words.to_owned());
        self.note(line);
    }

    pub(crate) fn note_failed(
        &mut self,
        intent: &Intent,
        kind: AuditKind,
        cause: ErrorKind,
        told: &Told,
    ) {
        let mut line = self.written(intent, kind, told.text.clone());
        line.code.clone_from(&told.code);
        line.request.clone_from(&told.request);
        self.note(line.because(cause));
    }

    /// A line about a write, with all its fields.
    fn written(&self, intent: &Intent, kind: AuditKind, words: String) -> AuditEntry {
        let (sent, seen) = match &intent.kind {
            IntentKind::Create { draft, .. } => (&draft.fields, None),
            IntentKind::Update { patch, seen, .. } => (&patch.fields, Some(seen)),
        };
        let made = seen.is_none();
        let before = |field: &FieldId| -> Option<Value> {
            let over = intent.over.get(field).cloned();
            over.or(made.then_some(Value::Null))
        };
        let mut line = self.line(kind, words).on(intent.side);
        line.trace = intent.trace;
        line.stamp = Some(intent.stamp);
        line.before = seen.cloned();
        line.fields = sent
            .iter()
            .map(|(field, value)| {
                FieldChange::new(field.clone(), before(field), Some(value.clone()))
            })
            .collect();
        line
    }

    /// Holds, state and park, as they changed since the last commit.
    pub(crate) fn note_differences(&mut self) {
        let lines = audit::differences(self.stored.as_ref(), &self.pair, |kind, message| {
            self.line(kind, message)
        });
        for line in lines {
            self.note(line);
        }
    }

    pub(crate) fn ride_along(&mut self, change: Change) {
        self.riding.push(change);
    }
}

fn word(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
    }
}
