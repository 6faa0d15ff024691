//! What fails, in a few words.

use crate::api::FailingNameView;
use crate::words::label;
use resolver::Origin;

/// Writes what fails for a name and where, such as `SERVFAIL from 10.0.0.2:53`.
pub(crate) fn what_fails(view: &FailingNameView) -> String {
    let Some(origin) = Origin::ALL
        .iter()
        .find(|origin| origin.label() == view.origin)
    else {
        return label(&view.origin);
    };
    if *origin == Origin::Unsent {
        let error = view.error.as_deref().unwrap_or("refused by the kernel");
        return format!("answers cannot be sent to the client ({error})");
    }
    let Some(upstream) = view.upstream else { return origin.meaning().to_owned() };
    let rcode = &view.rcode;
    match origin {
        Origin::Relayed
        | Origin::ForwardGaveUp
        | Origin::UpstreamError
        | Origin::NotSynced
        | Origin::UpstreamRefused => format!("{rcode} from {upstream}"),
        Origin::Timeout => format!("no answer from {upstream}"),
        _ => match origin.extra_text(Some(upstream)) {
            text if text.is_empty() => origin.meaning().to_owned(),
            text => text,
        },
    }
}

/// Writes a name that fails, with its types where A is not among them.
pub(crate) fn failing_name(view: &FailingNameView) -> String {
    match view.types.as_str() {
        types if types.is_empty() || types.starts_with('A') && types != "AAAA" => view.name.clone(),
        types => format!("{} ({types})", view.name),
    }
}

/// Writes the names that fail, the one that fails most first, such as
/// `8 names under example.com.`, and the verb that goes with them.
pub(crate) fn failing_names(names: &[&FailingNameView]) -> (String, &'static str) {
    let Some(first) = names.first() else { return (String::new(), "fail") };
    let more = names.len() - 1;
    match common_suffix(names) {
        _ if more == 0 => (failing_name(first), "fails"),
        Some(suffix) if more >= SEVERAL => {
            (format!("{} names under {suffix}", names.len()), "fail")
        }
        _ => (format!("{} and {more} more", failing_name(first)), "fail"),
    }
}

/// The domain that all names are below, of two labels at least.
fn common_suffix(names: &[&FailingNameView]) -> Option<String> {
    let labels = |name: &FailingNameView| -> Vec<String> {
        let name = name.name.trim_end_matches('.');
        name.rsplit('.').map(str::to_owned).collect()
    };
    let mut common = labels(names.first()?);
    for name in names {
        let same = common.iter().zip(labels(name));
        let same = same.take_while(|(a, b)| *a == b).count();
        common.truncate(same);
    }
    common.reverse();
    (common.len() >= 2).then(|| common.join(".") + ".")
}

/// More names than these are shown by their common domain.
const SEVERAL: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{NextStep, Windowed};
    use observe::Workload;

    fn view(name: &str, origin: Origin) -> FailingNameView {
        FailingNameView {
            name: name.to_owned(),
            workload: Workload::of_addr("10.0.0.1".parse().unwrap()),
            clients: Vec::new(),
            types: "A, AAAA".to_owned(),
            failed: Windowed::each(|_| 1),
            origin: origin.label().to_owned(),
            meaning: origin.meaning().to_owned(),
            upstream: Some("10.0.0.2:53".parse().unwrap()),
            rcode: "SERVFAIL".to_owned(),
            error: None,
            since_s: 0,
            last_s: 0,
            next: NextStep::default(),
        }
    }

    #[test]
    fn what_fails_names_the_upstream() {
        for (origin, text) in [
            (Origin::Relayed, "SERVFAIL from 10.0.0.2:53"),
            (Origin::Timeout, "no answer from 10.0.0.2:53"),
            (Origin::ConnectRefused, "nothing listens at 10.0.0.2:53"),
        ] {
            assert_eq!(what_fails(&view("a.test.", origin)), text);
        }
    }

    #[test]
    fn several_names_are_one_domain() {
        let text = |names: &[&str]| {
            let views: Vec<_> = names
                .iter()
                .map(|name| view(name, Origin::Timeout))
                .collect();
            failing_names(&views.iter().collect::<Vec<_>>())
        };
        assert_eq!(text(&["a.example.com."]), ("a.example.com.".to_owned(), "fails"));
        assert_eq!(text(&["a.test.", "b.test."]), ("a.test. and 1 more".to_owned(), "fail"));
        let many = ["a.x.example.com.", "b.x.example.com.", "c.example.com."];
        assert_eq!(text(&many), ("3 names under example.com.".to_owned(), "fail"));
        assert_eq!(text(&["a.test.", "b.test.", "c.org."]).0, "a.test. and 2 more");
    }
}
