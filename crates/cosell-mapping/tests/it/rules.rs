//! Mappings as files: read, layered, compiled, checked, tried.

mod bad;
mod cases;
mod checked;
mod files;
mod lenses;
mod samples;
mod stability;
