//! Records as they came over the wire.
//!
//! The service adds properties without notice and mixes spellings and types, so nothing here is
//! a struct of fields: an object is the map it arrived as, and every typed accessor reads one
//! member at the moment it is asked. A member that cannot be read spoils only its own accessor.

mod field;
mod object;
#[macro_use]
mod word;

pub(crate) use field::{At, Wire};
pub use object::{FieldError, RawMap};
pub(crate) use object::{Object, encode, encode_list};
pub(crate) use word::wire_word;

/// Declares an object of the service: the raw map, and typed doors to its members.
macro_rules! wire_object {
    ($(#[$doc:meta])* $name:ident { $($fields:tt)* }) => {
        $(#[$doc])*
        ///
        /// A view on the raw object: accessors answer `None` for a member that is absent, null
        /// or empty text, and a [`FieldError`](crate::FieldError) for one of another type.
        #[derive(Clone, Default)]
        pub struct $name(pub(crate) crate::wire::Object);

        impl $name {
            /// Wraps a raw object; nothing is checked.
            pub fn from_raw(members: crate::RawMap) -> Self {
                Self(crate::wire::Object::new(String::new(), members))
            }

            /// Every member as it came, in the service's spelling.
            pub fn raw(&self) -> &crate::RawMap {
                self.0.members()
            }

            /// Gives the raw object away.
            pub fn into_raw(self) -> crate::RawMap {
                self.0.into_members()
            }

            crate::wire::wire_object!(@fields $($fields)*);
        }

        impl crate::wire::Wire for $name {
            fn read(
                raw: &serde_json::value::RawValue,
                at: &crate::wire::At<'_>,
            ) -> Result<Option<Self>, crate::FieldError> {
                crate::wire::Object::read(raw, at).map(|object| Some(Self(object)))
            }

            fn write(&self) -> Box<serde_json::value::RawValue> {
                self.0.write()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.describe(stringify!($name), f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.members().serialize(serializer)
            }
        }
    };
    (@fields) => {};
    (@fields $(#[$doc:meta])* $get:ident: [$ty:ty] = $wire:literal $(, $set:ident)?; $($rest:tt)*) => {
        $(#[$doc])*
        pub fn $get(&self) -> Result<Vec<$ty>, crate::FieldError> {
            self.0.list($wire)
        }

        $(
            #[doc = concat!("Sets `", $wire, "`; see [`Self::", stringify!($get), "`].")]
            #[must_use]
            pub fn $set(mut self, value: &[$ty]) -> Self {
                self.0.put_list($wire, value);
                self
            }
        )?

        crate::wire::wire_object!(@fields $($rest)*);
    };
    (@fields $(#[$doc:meta])* $get:ident: $ty:ty = $wire:literal $(, $set:ident)?; $($rest:tt)*) => {
        $(#[$doc])*
        pub fn $get(&self) -> Result<Option<$ty>, crate::FieldError> {
            self.0.field($wire)
        }

        $(
            #[doc = concat!("Sets `", $wire, "`; see [`Self::", stringify!($get), "`].")]
            #[must_use]
            pub fn $set(mut self, value: impl Into<$ty>) -> Self {
                let value: $ty = value.into();
                self.0.put($wire, &value);
                self
            }
        )?

        crate::wire::wire_object!(@fields $($rest)*);
    };
}

pub(crate) use wire_object;
