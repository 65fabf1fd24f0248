//! From XML to the model.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{
    ComplexType, Csdl, CsdlError, EntitySet, EntityType, EnumType, Navigation, Operation, Property,
    TypeName, local,
};

/// Models of large environments have some ten megabytes.
const MOST_BYTES: usize = 64 * 1024 * 1024;
const MOST_ELEMENTS: u32 = 4_000_000;
const DEEPEST: usize = 64;

/// What an annotation says, of those that are looked at.
const COMPUTED: &str = "Org.OData.Core.V1.Computed";
const PERMISSIONS: &str = "Org.OData.Core.V1.Permissions";
const TRACKING: &str = "Org.OData.Capabilities.V1.ChangeTracking";

/// What an open element stands for.
#[derive(Clone, Debug)]
enum Open {
    Entity(String),
    Complex(String),
    Enum(String),
    /// A property of the type outside.
    Property(String),
    /// A navigation of the type outside.
    Navigation(String),
    Operation,
    Set(String),
    /// Annotations that stand apart from what they are about.
    Target(String),
    Annotation(String),
    /// A member of what an annotation lists.
    Member,
    /// Anything else; looked into, since a namespace or a wrapper may be new.
    Other,
}

struct State {
    csdl: Csdl,
    open: Vec<Open>,
    /// The enumeration's next number, where members name none.
    number: i64,
}

pub(super) fn read(xml: &[u8]) -> Result<Csdl, CsdlError> {
    let fault = |at: u64, reason: &str| CsdlError {
        at,
        reason: reason.to_owned(),
    };
    if xml.len() > MOST_BYTES {
        return Err(fault(MOST_BYTES as u64, "the model is longer than 64 MiB"));
    }
    let text = std::str::from_utf8(xml)
        .map_err(|error| fault(error.valid_up_to() as u64, "the model is not UTF-8"))?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut state = State {
        csdl: Csdl::default(),
        open: Vec::new(),
        number: 0,
    };
    let mut elements = 0u32;
    let mut is_model = false;
    loop {
        let event = reader.read_event();
        let at = reader.buffer_position();
        let event = event.map_err(|_| fault(reader.error_position(), "not XML"))?;
        match event {
            Event::Start(element) | Event::Empty(element) if state.open.len() >= DEEPEST => {
                drop(element);
                return Err(fault(at, "elements stand deeper in each other than 64"));
            }
            Event::Start(element) => {
                is_model |= element.local_name().as_ref() == "Schema";
                let open = state.enter(&element).map_err(|reason| fault(at, &reason))?;
                state.open.push(open);
            }
            Event::Empty(element) => {
                state.enter(&element).map_err(|reason| fault(at, &reason))?;
            }
            Event::End(_) => {
                state.open.pop();
            }
            Event::Text(text) => state.text(text.into_inner().trim()),
            Event::DocType(_) => return Err(fault(at, "a document type is not read")),
            Event::Eof => break,
            _ => {}
        }
        elements += 1;
        if elements > MOST_ELEMENTS {
            return Err(fault(at, "the model has too many elements"));
        }
    }
    let end = reader.buffer_position();
    if !state.open.is_empty() {
        return Err(fault(end, "the model ends too early"));
    }
    if !is_model {
        return Err(fault(end, "there is no Schema in it: is it $metadata?"));
    }
    Ok(state.csdl)
}

/// An attribute's value, its entities resolved.
fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let found = element
        .try_get_attribute(name)
        .map_err(|_| "an attribute is not well formed".to_owned())?;
    let Some(found) = found else { return Ok(None) };
    let value = found
        .normalized_value(XmlVersion::Implicit1_0)
        .map_err(|_| format!("the attribute {name} is not well formed"))?;
    Ok(Some(value.into_owned()))
}

fn needed(element: &BytesStart<'_>, name: &str) -> Result<String, String> {
    let value = attribute(element, name)?.filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("a {} has no {name}", element.local_name().as_ref()))
}

fn yes(element: &BytesStart<'_>, name: &str) -> Result<bool, String> {
    Ok(attribute(element, name)?.is_some_and(|value| value.eq_ignore_ascii_case("true")))
}

impl State {
    fn enter(&mut self, element: &BytesStart<'_>) -> Result<Open, String> {
        let name = element.local_name();
        Ok(match (name.as_ref(), self.open.last().cloned()) {
            ("EntityType", _) => self.entity(element)?,
            ("ComplexType", _) => {
                let name = needed(element, "Name")?;
                let base = attribute(element, "BaseType")?;
                let complex = ComplexType {
                    base: base.map(|base| local(&base).to_owned()),
                    ..ComplexType::default()
                };
                self.csdl.complex.insert(name.clone(), complex);
                Open::Complex(name)
            }
            ("EnumType", _) => {
                let name = needed(element, "Name")?;
                self.number = 0;
                self.csdl.enums.insert(name.clone(), EnumType::default());
                Open::Enum(name)
            }
            ("Member", Some(Open::Enum(of))) => self.member(element, &of)?,
            // A key may be wrapped: what counts is the type outside.
            ("PropertyRef", _) => {
                if let Some(of) = self.entity_outside() {
                    let name = needed(element, "Name")?;
                    self.of(&of).key.push(name);
                }
                Open::Other
            }
            ("Property", Some(outside @ (Open::Entity(_) | Open::Complex(_)))) => {
                self.property(element, &outside)?
            }
            ("NavigationProperty", Some(Open::Entity(of))) => self.navigation(element, &of)?,
            ("ReferentialConstraint", Some(Open::Navigation(name))) => {
                if let Some(of) = self.entity_outside() {
                    let column = needed(element, "Property")?;
                    if let Some(way) = self.of(&of).navigations.get_mut(&name) {
                        way.column = Some(column);
                    }
                }
                Open::Other
            }
            ("Action" | "Function", _) => {
                self.csdl.operations.push(Operation {
                    name: needed(element, "Name")?,
                    is_function: name.as_ref() == "Function",
                    bound: yes(element, "IsBound")?,
                    ..Operation::default()
                });
                Open::Operation
            }
            ("Parameter", Some(Open::Operation)) => {
                let parameter = (
                    needed(element, "Name")?,
                    TypeName::parse(&needed(element, "Type")?),
                );
                if let Some(operation) = self.csdl.operations.last_mut() {
                    operation.parameters.push(parameter);
                }
                Open::Other
            }
            ("ReturnType", Some(Open::Operation)) => {
                let kind = TypeName::parse(&needed(element, "Type")?);
                if let Some(operation) = self.csdl.operations.last_mut() {
                    operation.returns = Some(kind);
                }
                Open::Other
            }
            ("EntitySet", _) => {
                let name = needed(element, "Name")?;
                let set = EntitySet {
                    entity: local(&needed(element, "EntityType")?).to_owned(),
                    change_tracking: None,
                };
                self.csdl.sets.insert(name.clone(), set);
                Open::Set(name)
            }
            ("Annotations", _) => Open::Target(needed(element, "Target")?),
            ("Annotation", _) => {
                let term = needed(element, "Term")?;
                if term == COMPUTED && attribute(element, "Bool")?.as_deref() != Some("false") {
                    self.read_only();
                }
                if term == PERMISSIONS
                    && let Some(member) = attribute(element, "EnumMember")?
                {
                    self.permissions(&member);
                }
                Open::Annotation(term)
            }
            ("EnumMember", _) => Open::Member,
            ("PropertyValue", _) => {
                let supported = attribute(element, "Property")?.as_deref() == Some("Supported");
                if supported && self.annotated(TRACKING) {
                    let on = yes(element, "Bool")?;
                    if let Some(set) = self.set_outside() {
                        set.change_tracking = Some(on);
                    }
                }
                Open::Other
            }
            _ => Open::Other,
        })
    }

    fn entity(&mut self, element: &BytesStart<'_>) -> Result<Open, String> {
        let name = needed(element, "Name")?;
        let base = attribute(element, "BaseType")?;
        let entity = EntityType {
            base: base.map(|base| local(&base).to_owned()),
            is_abstract: yes(element, "Abstract")?,
            ..EntityType::default()
        };
        self.csdl.entities.insert(name.clone(), entity);
        Ok(Open::Entity(name))
    }

    fn member(&mut self, element: &BytesStart<'_>, of: &str) -> Result<Open, String> {
        let name = needed(element, "Name")?;
        let number = match attribute(element, "Value")? {
            Some(value) => value
                .trim()
                .parse()
                .map_err(|_| format!("the value of {name} is no whole number"))?,
            None => self.number,
        };
        self.number = number.saturating_add(1);
        if let Some(of) = self.csdl.enums.get_mut(of) {
            of.members.insert(name, number);
        }
        Ok(Open::Other)
    }

    fn property(&mut self, element: &BytesStart<'_>, outside: &Open) -> Result<Open, String> {
        let name = needed(element, "Name")?;
        let property = Property {
            kind: TypeName::parse(&needed(element, "Type")?),
            read_only: false,
        };
        match outside {
            Open::Entity(of) => self.of(of).properties.insert(name.clone(), property),
            Open::Complex(of) => {
                let of = self.csdl.complex.entry(of.clone()).or_default();
                of.properties.insert(name.clone(), property)
            }
            _ => None,
        };
        Ok(Open::Property(name))
    }

    fn navigation(&mut self, element: &BytesStart<'_>, of: &str) -> Result<Open, String> {
        let name = needed(element, "Name")?;
        let kind = TypeName::parse(&needed(element, "Type")?);
        let way = Navigation {
            target: kind.name,
            collection: kind.collection,
            partner: attribute(element, "Partner")?,
            column: None,
        };
        self.of(of).navigations.insert(name.clone(), way);
        Ok(Open::Navigation(name))
    }

    fn of(&mut self, entity: &str) -> &mut EntityType {
        self.csdl.entities.entry(entity.to_owned()).or_default()
    }

    fn entity_outside(&self) -> Option<String> {
        self.open.iter().rev().find_map(|open| match open {
            Open::Entity(name) => Some(name.clone()),
            _ => None,
        })
    }

    fn annotated(&self, term: &str) -> bool {
        let mut open = self.open.iter();
        open.any(|open| matches!(open, Open::Annotation(of) if of == term))
    }

    fn text(&mut self, text: &str) {
        if matches!(self.open.last(), Some(Open::Member)) && self.annotated(PERMISSIONS) {
            self.permissions(text);
        }
    }

    fn permissions(&mut self, member: &str) {
        if member.trim().ends_with("/Read") {
            self.read_only();
        }
    }

    /// The property that is open, or that annotations standing apart are about, is marked.
    fn read_only(&mut self) {
        let property = self.open.iter().rev().find_map(|open| match open {
            Open::Property(name) => {
                let of = self.entity_outside()?;
                Some((of, name.clone()))
            }
            Open::Target(target) => {
                let (of, name) = target.split_once('/')?;
                Some((local(of).to_owned(), name.to_owned()))
            }
            _ => None,
        });
        let Some((of, name)) = property else { return };
        if let Some(of) = self.csdl.entities.get_mut(&of)
            && let Some(property) = of.properties.get_mut(&name)
        {
            property.read_only = true;
        }
    }

    fn set_outside(&mut self) -> Option<&mut EntitySet> {
        let name = self.open.iter().rev().find_map(|open| match open {
            Open::Set(name) => Some(name.as_str()),
            Open::Target(target) => target.rsplit('/').next(),
            _ => None,
        })?;
        self.csdl.sets.get_mut(name)
    }
}
