//! `--set KEY=VALUE`: for one run a value is another than the file's.
//!
//! The value takes the place of the one in the file before anything is checked, so that
//! an error has the file's line.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Puts values in; each is `KEY=VALUE`, with the key's path in dots.
///
/// # Errors
///
/// What is wrong with one, for a person.
pub(super) fn apply<'a>(
    file: &mut Spanned<DeTable<'a>>,
    settings: &'a [String],
) -> Result<(), String> {
    let span = file.span();
    for setting in settings {
        let path_and_value = setting.split_once('=');
        let (path, value) = path_and_value
            .filter(|(path, _)| path.split('.').all(|key| !key.is_empty()))
            .ok_or_else(|| format!("--set {setting:?} is not KEY=VALUE, as limits.max_qps=500"))?;
        // What is no value of TOML needs no quotes: 30s, 10.96.0.10.
        let value = DeValue::parse(value)
            .map_or_else(|_| DeValue::String(Cow::Borrowed(value)), Spanned::into_inner);
        set(file.get_mut(), span.clone(), path, value)
            .map_err(|reason| format!("--set {setting:?}: {reason}"))?;
    }
    Ok(())
}

/// Sets what stands at `path` below a table; `near` is where errors point to, if it is
/// not in the file yet.
fn set<'a>(
    table: &mut DeTable<'a>,
    near: Range<usize>,
    path: &'a str,
    value: DeValue<'a>,
) -> Result<(), String> {
    let Some((key, rest)) = path.split_once('.') else {
        put(table, near, path, value);
        return Ok(());
    };
    let new = || Spanned::new(near.clone(), DeValue::Table(DeTable::default()));
    let name = Spanned::new(near.clone(), Cow::Borrowed(key));
    let below = table.entry(name).or_insert_with(new);
    let span = below.span();
    match below.get_mut() {
        // A condition has dots of its own.
        DeValue::Table(table) if CONDITIONS.contains(&key) => {
            put(table, span, rest, value);
            Ok(())
        }
        DeValue::Table(table) => set(table, span, rest, value),
        DeValue::Array(array) => set_in(array, key, rest, value),
        _ => Err(format!("{key} is a value, and has no {rest}")),
    }
}

/// Sets a value of one of several tables: `storm.for` of the phase with this name, or
/// `0.count` of the first client.
fn set_in<'a>(
    tables: &mut [Spanned<DeValue<'a>>],
    key: &str,
    path: &'a str,
    value: DeValue<'a>,
) -> Result<(), String> {
    let (which, rest) = path
        .split_once('.')
        .ok_or_else(|| format!("{key} are several: give a name or a number, as {key}.0.KEY"))?;
    let is_named = |table: &Spanned<DeValue<'_>>| {
        let name = table.get_ref().get("name");
        name.and_then(|name| name.get_ref().as_str()) == Some(which)
    };
    let at = tables
        .iter()
        .position(is_named)
        .or_else(|| which.parse().ok());
    let one = at.and_then(|at| tables.get_mut(at));
    let one = one.ok_or_else(|| format!("there is no {key} {which:?}"))?;
    let span = one.span();
    match one.get_mut() {
        DeValue::Table(table) => set(table, span, rest, value),
        _ => Err(format!("{key}.{which} is a value, and has no {rest}")),
    }
}

fn put<'a>(table: &mut DeTable<'a>, near: Range<usize>, key: &'a str, value: DeValue<'a>) {
    let span = table.get(key).map_or(near, Spanned::span);
    let name = Spanned::new(span.clone(), Cow::Borrowed(key));
    table.insert(name, Spanned::new(span, value));
}

/// Tables whose keys have dots.
const CONDITIONS: [&str; 2] = ["expect", "reproduced"];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Scenario;
    use super::super::tests::GOOD;

    fn parse(settings: &[&str]) -> Result<Scenario, String> {
        let settings: Vec<String> = settings.iter().map(|&text| text.to_owned()).collect();
        Scenario::parse_for(GOOD, Path::new("s.toml"), None, &settings)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_takes_the_place_of_the_one_in_the_file() {
        let scenario = parse(&[
            "seed=7",
            "limits.max_qps=500",
            "target.server=127.0.0.2",
            "phase.one.for=20s",
            "phase.0.schedule.rate=50",
            "sender.timeout=1s",
            "expect.one.lost=< 2%",
            "expect.one.latency.p99=< 20ms",
            "workload.names=[\"c.example\"]",
        ])
        .unwrap();
        assert_eq!(scenario.seed, 7);
        assert!((scenario.limits.max_qps - 500.0).abs() < 1e-9);
        assert_eq!(scenario.target.server.to_string(), "127.0.0.2:53");
        assert_eq!(scenario.duration().as_secs(), 20);
        assert_eq!(scenario.phases[0].plan.shape.to_string(), "constant 50/s");
        assert_eq!(scenario.sender.timeout.as_secs(), 1);
        let conditions: Vec<String> = scenario
            .expectations
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(conditions, ["one.latency.p99 < 20ms", "one.lost < 2%"]);
        assert_eq!(scenario.workload.names(), 1);
    }

    /// Reports of other loads must not be compared as if they were of one.
    #[test]
    fn another_value_is_another_fingerprint() {
        let [plain, seven, eight] =
            [&[][..], &["seed=7"], &["seed=8"]].map(|set| parse(set).unwrap().fingerprint);
        assert!(plain != seven && seven != eight && plain != eight);
        assert_eq!(parse(&[]).unwrap().fingerprint, plain);
    }

    #[test]
    fn what_is_wrong_is_named_with_the_line_of_the_file() {
        for (setting, message) in [
            ("seed", "--set \"seed\" is not KEY=VALUE, as limits.max_qps=500"),
            ("limits..max_qps=1", "is not KEY=VALUE"),
            ("limits.max_qps=-1", "s.toml:7: limits.max_qps: -1"),
            ("limits.max_qps=many", "s.toml:7: invalid type: string \"many\""),
            ("limits.mix_qps=1", "unknown field `mix_qps`"),
            ("name.x=1", "--set \"name.x=1\": name is a value, and has no x"),
            ("phase.two.for=1s", "there is no phase \"two\""),
            ("phase.7.for=1s", "there is no phase \"7\""),
            ("phase.for=1s", "phase are several: give a name or a number, as phase.0.KEY"),
            ("expect.one.loss=< 1%", "unknown metric \"loss\""),
        ] {
            let error = parse(&[setting]).unwrap_err();
            assert!(error.contains(message), "{setting}: {error}");
        }
    }
}
