//! Files that are wrong: everything is told at once, with line, column and cure.

use cosell_mapping::{
    Template,
    rules::{Loader, MAX_BYTES, MINIMAL, Source},
};
use proptest::prelude::*;

use super::samples::{mapping, rule, told};

#[test]
fn all_faults_of_a_file_are_told_at_once_with_line_column_and_cure() {
    let text = r#"name = "mine"
version = "1"
base = "minimal"
remove = ["gone"]

[fields.value]
conflict = "me"
crm = { path = 7, decimals = 2 }

[fields.description.crm]
limit = -1
limti = 3

[fields."Bad Name"]
transform = "text"

[fields.fine]
transform = "text"
referral = "a"
"#;
    let faults = mapping(text).unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "mine.toml:4:11: remove: the base has no \"gone\": take it off the list; the base may have changed",
            "mine.toml:7:1: fields.value.conflict: \"me\" is none of its words: write one of crm, partner-center, newest, hold, merge",
            "mine.toml:8:9: fields.value.crm.path: it is a whole number: write a text",
            "mine.toml:8:19: fields.value.crm.decimals: it says nothing for the transform money: remove it, or choose another transform",
            "mine.toml:11:1: fields.description.crm.limit: the number is out of range: write 0 to 10000000",
            "mine.toml:12:1: fields.description.crm.limti: no such member: did you mean limit?",
            "mine.toml:14:9: fields.Bad Name: it is no name of a field: write small letters, digits and underscores, a letter first",
            "mine.toml:17:9: fields.fine.crm: the rule does not say where the value stands there: write a path",
        ]
    );
}

#[test]
fn what_rules_cannot_mean_is_told_with_its_place() {
    let text = r#"name = "mine"
version = "1"

[fields.a]
transform = "text"
referral = { template = "{name" }
crm = "x"

[fields.b]
transform = "choice"
referral = "type"
crm = "x"
values = { One = "1", Two = "1" }

[fields.c]
transform = "money"
referral = "details//dealValue"
crm = { path = "c", currency = "d", currency-id = "e" }

[fields.d]
transform = "lookup"
referral = { path = "campaignId", function = "shout" }
crm = { table = "campaign", path = "_c_value" }

[fields.e]
transform = "custom"
referral = { lens = "mine" }
crm = {}
"#;
    let text = text.replace(", function = \"shout\"", "");
    let faults = mapping(&text).unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let wanted = [
        "mine.toml:6:14: fields.a.referral.template: the brace at character 1 is not closed: write {{ for a brace of the text: correct the template; places stand in braces",
        "mine.toml:6:1: fields.a.referral: a constant or a template is only read, and the rule writes this side: write direction = \"to-crm\"",
        "mine.toml:9:9: fields.b.unknown: the rule does not say what becomes of a word that the values do not know: write unknown = \"hold\", or fallback = a word of the values",
        "mine.toml:13:23: fields.b.values.Two: \"One\" becomes \"1\" as well, so \"1\" has no way back: give it another word, or write back = { \"1\" = \"One\" }",
        "mine.toml:17:1: fields.c.referral.currency: an amount needs one currency: write currency for a code, or currency-id and currency-bind for a row",
        "mine.toml:18:21: fields.c.crm.currency: an amount needs one currency: write currency for a code, or currency-id and currency-bind for a row",
        "mine.toml:23:1: fields.d.crm.bind: it is missing: write a path, members parted by slashes",
        "mine.toml:23:1: fields.d.crm.entity-set: the lookup does not say where its rows stand: write the entity set, such as systemusers",
        "mine.toml:27:14: fields.e.referral.lens: nobody registered a lens \"mine\": register it in the program; it has none so far",
        "mine.toml:28:1: fields.e.crm.lens: the rule names none: write the name of a registered lens",
    ];
    for line in wanted {
        assert!(
            told.iter().any(|told| told == line),
            "{line}\nin\n{}",
            told.join("\n")
        );
    }
}

#[test]
fn a_mapping_without_rules_is_told_what_it_lacks() {
    for text in [
        "name = \"mine\"\nversion = \"1\"\n",
        "{\"name\":\"mine\",\"version\":\"1\"}",
    ] {
        let faults = mapping(text).unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "mine.toml:1:1: fields: a mapping needs rules: write [fields.NAME] for each, or name a base"
            ]
        );
    }
}

#[test]
fn rules_that_write_one_place_are_refused() {
    let text = "name = \"mine\"\nversion = \"1\"\nbase = \"minimal\"\n\
        [fields.notes]\ntransform = \"text\"\nreferral = \"campaignId\"\ncrm = \"description\"\n";
    assert_eq!(
        told(&mapping(text).unwrap_err()),
        ["fields.notes: it writes description, and so does the field description"]
    );
    let twice = "name = \"mine\"\nversion = \"1\"\n[fields.a]\n[fields.a]\n";
    let faults = mapping(twice).unwrap_err().to_string();
    assert!(faults.starts_with("mine.toml:4:"), "{faults}");
    assert!(faults.contains("duplicate key"), "{faults}");
    let twice = r#"{"name":"a","name":"b"}"#;
    let faults = mapping(twice).unwrap_err().to_string();
    assert_eq!(faults, "mine.toml:1:20: name: it stands twice: remove one");
}

#[test]
fn who_wins_fits_the_rule() {
    let text = rule(
        "transform = \"flag\"\nconflict = \"merge\"\nstray = \"leave\"\nreferral = \"a\"\n\
         crm = \"b\"",
    );
    assert_eq!(
        told(&mapping(&text).unwrap_err()),
        [
            "fields.x.conflict: two edits of a flag cannot both stand",
            "fields.x.stray: the rule goes both ways, so neither side only follows",
        ]
    );
}

#[test]
fn a_word_that_means_nothing_means_nothing_else() {
    let text = rule(
        "transform = \"choice\"\nunknown = \"hold\"\nvalues = { A = \"1\" }\n\
         referral = { path = \"a\", nothing = [\"a\"] }\n\
         crm = { path = \"b\", nothing = [\"1\", \"x\"] }",
    );
    assert_eq!(
        told(&mapping(&text).unwrap_err()),
        [
            "fields.x.referral.nothing: \"a\" means nothing, and the values say what it means",
            "fields.x.crm.nothing: \"1\" means nothing, and the values say what it means",
        ]
    );
}

#[test]
fn bases_that_go_round_in_a_circle_end() {
    let loader = Loader::default()
        .with_base(
            "a",
            Source::new("a.toml", "name = \"a\"\nversion = \"1\"\nbase = \"b\""),
        )
        .with_base(
            "b",
            Source::new("b.toml", "name = \"b\"\nversion = \"1\"\nbase = \"a\""),
        );
    let mine = Source::new("m.toml", "name = \"m\"\nversion = \"1\"\nbase = \"a\"");
    let faults = loader.load(&mine).unwrap_err().to_string();
    assert_eq!(
        faults,
        "b.toml:3:1: base: the bases go round in a circle at \"a\": let one of them stand on its own"
    );
}

#[test]
fn files_out_of_proportion_are_refused_before_they_are_parsed() {
    let large = "a".repeat(10 << 20);
    let faults = mapping(&large).unwrap_err().to_string();
    assert!(faults.contains("10485760 bytes"), "{faults}");
    assert!(MINIMAL.len() < MAX_BYTES);
    let deep = format!("{}1{}", "[".repeat(60_000), "]".repeat(60_000));
    assert!(mapping(&format!("{{\"name\":{deep}}}")).is_err());
    assert!(mapping(&format!("name = {deep}")).is_err());
    let wide = (0..1001)
        .map(|i| format!("[fields.f{i}]\n"))
        .collect::<String>();
    let faults = mapping(&format!("name = \"m\"\nversion = \"1\"\n{wide}")).unwrap_err();
    assert!(faults.to_string().contains("at most 1000"));
}

#[test]
fn hostile_names_are_shown_harmlessly() {
    let text = format!(
        "name = \"m\"\nversion = \"1\"\n\"a\\u001b[31m{}\" = 1\n",
        "z".repeat(9000)
    );
    let faults = mapping(&text).unwrap_err().to_string();
    assert!(!faults.contains('\u{1b}') && faults.len() < 500, "{faults}");
}

#[test]
fn templates_that_are_none_are_told_where() {
    for (template, wanted) in [
        ("{a", "the brace at character 1 is not closed"),
        ("ab}", "the brace at character 3 closes nothing"),
        ("{a{b}}", "the brace at character 1 is not closed"),
        (
            "x {a//b}",
            "what stands in the braces at character 3 is no path",
        ),
        ("{}", "what stands in the braces at character 1 is no path"),
    ] {
        let error = template.parse::<Template>().unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{template}: {error}");
    }
    assert!("x".repeat(5000).parse::<Template>().is_err());
    let braces: Template = "{{}} {a}".parse().unwrap();
    assert_eq!(braces.to_string(), "{{}} {a}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,80}|[\\[\\]{}=\",.a-z\\n 0-9]{0,80}") {
        let _ = mapping(&text);
        let _ = mapping(&rule(&text));
        let _ = text.parse::<Template>();
    }

    #[test]
    fn a_mapping_cut_or_changed_anywhere_is_read_without_panic(
        from in 0_usize..MINIMAL.len(), with in "[\"=\\[\\]{}.\\na-z0-9-]{0,3}",
    ) {
        let text = MINIMAL;
        if text.is_char_boundary(from) {
            let _ = mapping(&text[..from]);
            let _ = mapping(&format!("{}{with}{}", &text[..from], &text[from..]));
        }
    }
}
