//! cosell
