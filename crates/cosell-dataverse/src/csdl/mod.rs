//! The service's own model (`$metadata`): types, columns, navigation names, sets, operations.
//!
//! [`Schema`](crate::schema::Schema) is the everyday source: small answers, labels, lengths. This
//! model is several megabytes at once, but tells what the definitions do not: every action and
//! function with its parameters, complex and enumerated types, and the whole inheritance. What is
//! not known here is skipped.

mod read;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

/// Types deeper below another than this are not looked for; a model that refers to itself ends
/// here.
const MOST_BASES: usize = 32;

/// The model of an environment. Read by [`Csdl::read`] or
/// [`Schema::csdl`](crate::schema::Schema::csdl).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Csdl {
    /// Tables and their common ancestors, by name without namespace.
    pub entities: BTreeMap<String, EntityType>,
    /// Types of values with parts, such as the answers of functions.
    pub complex: BTreeMap<String, ComplexType>,
    /// Types of named numbers.
    pub enums: BTreeMap<String, EnumType>,
    /// Entity sets.
    pub sets: BTreeMap<String, EntitySet>,
    /// Actions and functions; one name may stand for several with different bindings.
    pub operations: Vec<Operation>,
}

/// A table, or what several tables have in common (`principal`, `activitypointer`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntityType {
    /// The type it is derived from, without namespace.
    pub base: Option<String>,
    /// Has it no rows of its own?
    pub is_abstract: bool,
    /// Columns of the primary key; empty where the ancestor has them.
    pub key: Vec<String>,
    /// Columns of its own, lookups as `_name_value`.
    pub properties: BTreeMap<String, Property>,
    /// Navigation names of its own, in their exact case.
    pub navigations: BTreeMap<String, Navigation>,
}

/// A type of values with parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComplexType {
    /// The type it is derived from, without namespace.
    pub base: Option<String>,
    /// Its parts.
    pub properties: BTreeMap<String, Property>,
}

/// A type of named numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnumType {
    /// The members.
    pub members: BTreeMap<String, i64>,
}

/// A column, or a part of a complex value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Property {
    /// Its type.
    pub kind: TypeName,
    /// Is it marked as computed, or as one that may only be read? Told only by a model that was
    /// asked for with its annotations.
    pub read_only: bool,
}

/// A way from a row to others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Navigation {
    /// The type it leads to, without namespace.
    pub target: String,
    /// Does it lead to several rows?
    pub collection: bool,
    /// The way back.
    pub partner: Option<String>,
    /// Of a lookup: the column that holds the id, such as `_parentaccountid_value`.
    pub column: Option<String>,
}

/// An entity set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntitySet {
    /// The type of its rows, without namespace.
    pub entity: String,
    /// Can its changes be followed? `None` where the model does not tell.
    pub change_tracking: Option<bool>,
}

/// An action or a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// Its name without namespace.
    pub name: String,
    /// Is it a function (read by GET), not an action (run by POST)?
    pub is_function: bool,
    /// Does it work on a row or a set? Then its first parameter says on which, and its name needs
    /// the namespace in an address.
    pub bound: bool,
    /// Its parameters in order.
    pub parameters: Vec<(String, TypeName)>,
    /// What it returns.
    pub returns: Option<TypeName>,
}

/// The name of a type as the model spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypeName {
    /// `Edm.String`, or a type of the model without namespace.
    pub name: String,
    /// Is it a collection of those?
    pub collection: bool,
}

impl TypeName {
    fn parse(text: &str) -> Self {
        let inner = text
            .strip_prefix("Collection(")
            .and_then(|text| text.strip_suffix(')'));
        Self {
            name: local(inner.unwrap_or(text)).to_owned(),
            collection: inner.is_some(),
        }
    }
}

/// The name without the namespace (`mscrm.account`, `Microsoft.Dynamics.CRM.account`); those of
/// the language itself keep theirs.
fn local(name: &str) -> &str {
    if name.starts_with("Edm.") {
        return name;
    }
    name.rsplit('.').next().unwrap_or(name)
}

/// The text is no model that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CsdlError {
    /// Byte in the text.
    pub at: u64,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for CsdlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.at)
    }
}

impl std::error::Error for CsdlError {}

impl Csdl {
    /// Reads the XML of `$metadata`. Bears any bytes: length, depth and number of elements are
    /// bounded, and a document type, which could name other documents, is refused.
    ///
    /// # Errors
    /// [`CsdlError`] with the byte where reading stopped.
    pub fn read(xml: &[u8]) -> Result<Self, CsdlError> {
        read::read(xml)
    }

    /// The table's type and its ancestors, nearest first.
    fn line(&self, entity: &str) -> impl Iterator<Item = &EntityType> {
        let first = self.entities.get(entity);
        let next = |of: &&EntityType| self.entities.get(of.base.as_deref()?);
        std::iter::successors(first, next).take(MOST_BASES)
    }

    /// Columns of the primary key of the type `entity`, its own or an ancestor's.
    pub fn key(&self, entity: &str) -> &[String] {
        let mut line = self.line(entity);
        line.find(|of| !of.key.is_empty())
            .map_or(&[][..], |of| &of.key)
    }

    /// A column of the type `entity`, its own or an ancestor's.
    pub fn property(&self, entity: &str, name: &str) -> Option<&Property> {
        self.line(entity).find_map(|of| of.properties.get(name))
    }

    /// A navigation name of the type `entity`, its own or an ancestor's.
    pub fn navigation(&self, entity: &str, name: &str) -> Option<&Navigation> {
        self.line(entity).find_map(|of| of.navigations.get(name))
    }

    /// The navigation names by which the lookup `column` (without `_` and `_value`) of the type
    /// `entity` points to rows, with the type each leads to.
    pub fn lookup(&self, entity: &str, column: &str) -> Vec<(&str, &str)> {
        let column = format!("_{column}_value");
        let ways = self.line(entity).flat_map(|of| &of.navigations);
        ways.filter(|(_, way)| !way.collection && way.column.as_ref() == Some(&column))
            .map(|(name, way)| (name.as_str(), way.target.as_str()))
            .collect()
    }

    /// The entity set whose rows are of the type `entity`.
    pub fn set_of(&self, entity: &str) -> Option<&str> {
        let mut sets = self.sets.iter();
        sets.find(|(_, set)| set.entity == entity)
            .map(|(name, _)| name.as_str())
    }

    /// Actions and functions called `name`.
    pub fn operations<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Operation> {
        self.operations.iter().filter(move |of| of.name == name)
    }
}
