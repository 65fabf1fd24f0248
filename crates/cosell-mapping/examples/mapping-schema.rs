//! Prints the JSON Schema of mapping files, for editors.

fn main() {
    println!("{:#}", cosell_mapping::rules::json_schema());
}
