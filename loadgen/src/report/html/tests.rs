//! The page beside the report it is made of.

use serde_json::Value;

use super::*;
use crate::environment::Environment;
use crate::report::over_time::Step;
use crate::run::RunResult;
use crate::scenario::Scenario;
use crate::series::Tally;

/// A run of two seconds: 100 queries, of which ten were lost.
fn report() -> Report {
    let text = "schema = 1\nname = \"a <b> & c\"\nabout = \"it's\"\n\
        target = { server = \"127.0.0.1\" }\nlimits = { max_qps = 100, max_duration = \"1m\" }\n\
        workload = { names = [\"a\"] }\n[upstream]\nlisten = \"127.0.0.1:1\"\n\
        [[upstream.fault]]\nphase = \"p\"\nanswer = \"SERVFAIL\"\n\
        [[phase]]\nname = \"p\"\nfor = \"2s\"\n\
        schedule = { shape = \"constant\", rate = 50 }\n[expect]\n\"p.lost\" = \"< 1%\"\n";
    let scenario = Scenario::parse(text, std::path::Path::new("s")).unwrap();
    let mut measured = RunResult::empty(&scenario);
    for n in 0..100_u64 {
        let due = n * 20_000_000;
        let record = measured.recorder.phase(0);
        record.counts.due += 1;
        record.evidence.add(Seen::UpstreamFaulted, 3.0);
        record.evidence.add(Seen::ServerCpu, 0.125);
        record.sent(due, due + 50_000);
        match n % 10 {
            9 => record.counts.lost += 1,
            rest => {
                record.answered(due, due + 50_000, due + n * 1_000_000);
                record.rcodes[if rest < 7 { 0 } else { 2 }] += 1;
            }
        }
        let series = &mut measured.recorder.series;
        series.count(due, Tally::Due);
        series.count(due, Tally::Sent);
        match n % 10 {
            9 => series.count(due, Tally::Lost),
            _ => series.answered(due, n * 1_000_000),
        }
    }
    Report::new(&scenario, Environment::read(), &measured)
}

#[test]
fn the_page_has_the_numbers_of_the_json() {
    let report = report();
    let page = render(&report);
    let json: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    let cell = |text: &str| format!("<td class=\"n\">{text}</td>");
    for kind in ["latency_ms", "from_send_ms", "lateness_ms"] {
        for name in ["p50", "p90", "p95", "p99", "p99.9", "p99.99", "max"] {
            let value = json["phases"][0][kind][name].as_f64().unwrap();
            assert!(page.contains(&cell(&millis(value))), "{kind} {name} {value}");
        }
    }
    for count in ["due", "sent", "answered", "lost"] {
        let value = json["run"]["counts"][count].as_u64().unwrap();
        assert!(page.contains(&cell(&value.to_string())), "{count} {value}");
        assert!(value > 0, "{count}");
    }
    // Answers by RCODE, side by side.
    let rcodes = json["phases"][0]["rcodes"].as_object().unwrap();
    assert_eq!(rcodes.len(), 2);
    let cells: String = rcodes
        .values()
        .map(|count| cell(&count.to_string()))
        .collect();
    assert!(page.contains(&cells), "{cells}");
    let evidence = json["phases"][0]["evidence"].as_object().unwrap();
    assert_eq!(evidence.len(), 2);
    for (name, value) in evidence {
        let shown = cell(&figure(name, value.as_f64().unwrap()));
        assert!(page.contains(&format!("<td><code>{name}</code></td>{shown}")), "{name} {value}");
    }
    assert_eq!(figure("server.cpu", evidence["server.cpu"].as_f64().unwrap()), "12.5 %");
    let cause = &json["load"]["causes"][0];
    assert_eq!((cause["from_s"].as_f64(), cause["to_s"].as_f64()), (Some(0.0), Some(2.0)));
    let what = cause["what"].as_str().unwrap();
    assert!(page.contains(&format!("<title>{what}</title>")), "{what}");
    assert!(page.contains(&format!("{what}, 0 to 2 s")), "{what}");
    for one in json["expectations"].as_array().unwrap() {
        let found = format!("<td>{}", one["found"].as_str().unwrap());
        assert!(page.contains(&found), "{found}");
    }
    assert!(page.contains("late, lost, refused or not sent (10)"), "{page}");
    assert!(page.contains("not met") && page.contains("p.lost &lt; 1%"), "{page}");
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_escapes_all() {
    let page = render(&report());
    for absent in ["http:", "https:", "<script", "src=", "@import", "url(", "a <b> & c"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(page.contains("a &lt;b&gt; &amp; c"), "{page}");
}

/// Ninety answers, each in one cell of its second.
#[test]
fn the_heat_map_has_every_answer() {
    let page = render(&report());
    let cells = page.matches(" answers</title>").count();
    let sum: u64 = page
        .split(" answers</title>")
        .filter_map(|before| before.rsplit('>').next()?.parse::<u64>().ok())
        .sum();
    assert!(cells > 5, "{cells}");
    assert_eq!(sum, 90);
}

#[test]
fn a_run_without_answers_has_a_page() {
    let mut report = report();
    report.series = vec![Step::default()];
    report.run.latency_ms = None;
    assert!(render(&report).contains("Latency over time"));
    report.series.clear();
    assert!(render(&report).contains("Queries over time"));
}

/// A band is as wide as its phase, and a new phase has a line where it begins.
#[test]
fn bands_are_where_their_phase_is() {
    let mut report = report();
    let other = PhaseReport { name: "q".to_owned(), ..report.phases[0].clone() };
    report.phases.push(other);
    report.series = (0..4)
        .map(|n| Step { at_s: f64::from(n), ..Step::default() })
        .collect();
    let page = render(&report);
    let band = "<rect class=\"cause\" x=\"100.0\" y=\"0\" width=\"310.0\"";
    assert_eq!(page.matches(band).count(), 2, "{page}");
    assert_eq!(page.matches("<line class=\"phase\" x1=\"410.0\"").count(), 2, "{page}");
    assert!(page.contains("<td>q</td><td>2 to 4 s</td>"), "{page}");
    assert_eq!(page.matches(">4 s</text>").count(), 2, "{page}");
}
