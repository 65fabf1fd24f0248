//! Prints the field guide of a mapping file, or of the shipped connector mapping.

use cosell_mapping::rules::{CONNECTOR, Loader, Mapping, Registry, Source};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let source = match std::env::args().nth(1) {
        Some(path) => Source::new(path.as_str(), std::fs::read_to_string(&path)?),
        None => Source::new("connector.toml", CONNECTOR),
    };
    let loaded = Loader::default().load(&source)?;
    let mapping = Mapping::from_loaded(&loaded, &Registry::default())?;
    print!("{}", mapping.guide());
    Ok(())
}
