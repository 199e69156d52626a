//! The pages of all actions as they are printed where there is no colour.

use super::*;

fn plain(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
}

fn page(name: &str) -> Vec<String> {
    plain(&of(deskwire_startup::actions_alone().get(name).unwrap().as_ref()))
}

#[test]
fn every_page_fits_eighty_columns_and_names_every_input_output_and_error() {
    let actions = deskwire_startup::actions_alone();
    for spec in actions.specs() {
        let lines = page(spec.name);
        let example = lines.iter().position(|line| line == "Example").unwrap();
        for line in &lines[..example] {
            assert!(line.chars().count() <= WIDTH && line.trim_end() == line, "{}: {line:?}", spec.name);
        }
        let first_words: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
        for schema in [&spec.input, &spec.output] {
            for name in schema["properties"].as_object().unwrap().keys() {
                assert!(first_words.contains(&name.as_str()), "{}: {name}", spec.name);
            }
        }
        let text = lines.join("\n");
        for error in &spec.errors {
            assert!(text.contains(error.code), "{}: {}", spec.name, error.code);
        }
        assert!(text.contains(spec.page) && text.contains(spec.example.lines().next().unwrap()), "{}", spec.name);
    }
}

#[test]
fn an_effect_that_depends_on_the_input_is_told_for_each() {
    let lines = page("http.request");
    let start = lines.iter().position(|line| line == "Effect").unwrap();
    let table = lines[start..].split(String::is_empty).next().unwrap();
    assert_eq!(
        table.join("\n"),
        "\
Effect
  method GET, HEAD    read
                      it changes nothing; after a crash it is called again
  method POST, PATCH  unprovable
                      after a crash nobody can tell whether it happened; a
                      person decides, unless the step says `on_unknown: retry`
  method POST, PATCH with idempotency_header
                      keyed
                      after a crash it is called again with the same key, which
                      is remembered for 1d; past that time a person decides
  method PUT, DELETE  idempotent
                      calling twice is like calling once; after a crash it is
                      called again"
    );
    assert!(page("slack.add_reaction").iter().all(|line| line != "Effect"));
}

#[test]
fn a_table_puts_long_names_on_lines_of_their_own() {
    let row = |name: &str, text: &str| Row { name: name.to_owned(), kind: "text".to_owned(), text: text.to_owned() };
    let rows = [row("a", "One."), row("a_name_that_is_longer_than_the_column", "Two.")];
    assert_eq!(
        plain(&table(&rows)),
        ["  a  text", "     One.", "  a_name_that_is_longer_than_the_column", "     text", "     Two."]
    );
}
