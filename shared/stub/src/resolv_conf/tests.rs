//! Readings that differ between the libraries were seen in what they then asked.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::Library::{Glibc, Go, Musl};

const ALL: [Library; 3] = [Glibc, Musl, Go];

fn search(library: Library, text: &str) -> Vec<String> {
    ResolvConf::parse(library, text).0.search
}

fn options(library: Library, words: &str) -> Options {
    ResolvConf::parse(library, &format!("options {words}\n"))
        .0
        .options
}

fn remarks(library: Library, text: &str) -> Vec<String> {
    ResolvConf::parse(library, text)
        .1
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_pods_file_reads_alike_to_all() {
    let text = "search shop.svc.cluster.local svc.cluster.local cluster.local\n\
                nameserver 10.96.0.10\n\
                options ndots:5\n";
    for library in ALL {
        let (conf, remarks) = ResolvConf::parse(library, text);
        assert_eq!(conf.search, ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]);
        assert_eq!(conf.nameservers, [Nameserver { address: [10, 96, 0, 10].into(), zone: None }]);
        assert_eq!(conf.options, Options { ndots: 5, ..Options::default() });
        assert_eq!(remarks, [], "{library}");
    }
}

#[test]
fn an_empty_file_means_the_defaults() {
    for library in ALL {
        let (conf, remarks) = ResolvConf::parse(library, "\n# nothing\n; at all\n");
        assert_eq!(conf, ResolvConf::default());
        assert_eq!((conf.options.ndots, conf.options.attempts), (1, 2));
        assert_eq!(conf.options.timeout, Duration::from_secs(5));
        assert_eq!(remarks, [], "{library}");
    }
}

#[test]
fn tabs_and_runs_of_blanks_separate() {
    let text = "nameserver\t127.0.0.1\nsearch\ts1.x\t\ts2.x \noptions\tndots:5\n";
    for library in ALL {
        assert_eq!(search(library, text), ["s1.x", "s2.x"]);
        assert_eq!(ResolvConf::parse(library, text).0.options.ndots, 5);
    }
}

#[test]
fn the_last_search_or_domain_line_counts() {
    for library in ALL {
        assert_eq!(search(library, "search a b\nsearch c\n"), ["c"]);
        assert_eq!(search(library, "domain a\nsearch b c\n"), ["b", "c"]);
    }
    let text = "search a\ndomain b c\n";
    assert_eq!(search(Glibc, text), ["b"]);
    assert_eq!(search(Go, text), ["b"]);
    assert_eq!(search(Musl, text), ["b", "c"], "musl reads a list after either");
}

#[test]
fn an_empty_search_line_clears_the_list_except_in_glibc() {
    for text in ["search a\nsearch \n", "search a\nsearch\n"] {
        assert_eq!(search(Glibc, text), ["a"]);
        assert!(search(Musl, text).is_empty());
        assert!(search(Go, text).is_empty());
    }
    assert_eq!(search(Go, "search a\ndomain\n"), ["a"]);
    assert_eq!(remarks(Go, "search a\ndomain\n"), ["line 2: `domain` without a value"]);
}

#[test]
fn a_comment_after_a_search_list_becomes_part_of_it() {
    for library in ALL {
        let text = "search a # note\n";
        assert_eq!(search(library, text), ["a", "#", "note"]);
        assert_eq!(
            remarks(library, text),
            ["line 1: `#` does not begin a comment here: it is read as a search domain"]
        );
    }
}

#[test]
fn a_carriage_return_is_white_space_to_all_but_glibc() {
    let text = "nameserver 127.0.0.1\r\nsearch a b\r\noptions ndots:5\r\n";
    assert_eq!(search(Glibc, text), ["a", "b\r"]);
    assert_eq!(search(Musl, text), ["a", "b"]);
    assert_eq!(search(Go, text), ["a", "b"]);
    for library in ALL {
        let (conf, _) = ResolvConf::parse(library, text);
        assert_eq!((conf.nameservers.len(), conf.options.ndots), (1, 5), "{library}");
    }
}

#[test]
fn only_go_reads_an_indented_line() {
    let text = " search a\n options ndots:5\n";
    for library in [Glibc, Musl] {
        let (conf, remarks) = ResolvConf::parse(library, text);
        assert_eq!(conf, ResolvConf::default());
        assert_eq!(remarks.len(), 2);
    }
    assert_eq!(search(Go, text), ["a"]);
}

#[test]
fn musl_ignores_a_line_that_does_not_fit_its_buffer() {
    let line = |len: usize| format!("search {}\n", "d".repeat(len - "search ".len()));
    for library in ALL {
        assert_eq!(search(library, &line(254)).len(), 1);
    }
    assert_eq!(search(Glibc, &line(255)).len(), 1);
    assert_eq!(search(Go, &line(255)).len(), 1);
    assert!(search(Musl, &line(255)).is_empty());
    assert_eq!(
        remarks(Musl, &line(255)),
        ["line 1: the line has 255 octets, so musl ignores it; it reads at most 254"]
    );
}

#[test]
fn nameservers_beyond_three_and_unreadable_ones_are_reported() {
    let text = "nameserver 10.0.0.1\nnameserver dns.example\nnameserver ::1\n\
                nameserver fe80::1%eth0\nnameserver 10.0.0.4 # fourth\nnameserver\n";
    for library in ALL {
        let (conf, _) = ResolvConf::parse(library, text);
        let addresses: Vec<_> = conf
            .nameservers
            .iter()
            .map(|s| s.address.to_string())
            .collect();
        assert_eq!(addresses, ["10.0.0.1", "::1", "fe80::1"]);
        assert_eq!(conf.nameservers[2].zone.as_deref(), Some("eth0"));
        assert_eq!(
            remarks(library, text),
            [
                "line 2: `dns.example` is not an IP address, so the nameserver is ignored",
                "line 5: nameserver 10.0.0.4 is ignored: only the first 3 are asked",
                "line 6: `nameserver` without a value",
            ]
        );
    }
}

#[test]
fn numbers_are_bounded_as_each_library_bounds_them() {
    let read = |library, words: &str| {
        let options = options(library, words);
        (options.ndots, options.timeout.as_secs(), options.attempts)
    };
    let much = "ndots:99 timeout:99 attempts:99";
    assert_eq!(read(Glibc, much), (15, 30, 5));
    assert_eq!(read(Musl, much), (15, 60, 10));
    assert_eq!(read(Go, much), (15, 99, 99));
    let none = "ndots:0 timeout:0 attempts:0";
    assert_eq!(read(Glibc, none), (0, 1, 0));
    assert_eq!(read(Musl, none), (0, 0, 0));
    assert_eq!(read(Go, none), (0, 1, 1));
    let words = "ndots:abc timeout:abc attempts:abc";
    assert_eq!(read(Glibc, words), (0, 1, 0));
    assert_eq!(read(Musl, words), (1, 5, 2), "musl wants a digit");
    assert_eq!(read(Go, words), (0, 1, 1));
    let negative = "ndots:-1 timeout:-1 attempts:-1";
    assert_eq!(read(Glibc, negative), (15, 1, 0), "-1 in a field of 4 bits is 15");
    assert_eq!(read(Musl, negative), (1, 5, 2));
    assert_eq!(read(Go, negative), (0, 1, 1));
    assert_eq!(
        remarks(Glibc, "options ndots:99 timeout:7\n"),
        ["line 1: `ndots:99` is out of bounds: 15 is used"]
    );
}

#[test]
fn of_an_option_given_twice_musl_takes_the_first() {
    assert_eq!(options(Glibc, "ndots:1 ndots:5").ndots, 5);
    assert_eq!(options(Go, "ndots:1 ndots:5").ndots, 5);
    assert_eq!(options(Musl, "ndots:1 ndots:5").ndots, 1);
    for library in ALL {
        let text = "options ndots:3\noptions timeout:2\noptions ndots:4\n";
        let (conf, _) = ResolvConf::parse(library, text);
        assert_eq!(conf.options.ndots, 4, "of two lines the last counts");
        assert_eq!(conf.options.timeout, Duration::from_secs(2));
    }
}

#[test]
fn musl_finds_an_option_inside_a_word() {
    assert_eq!(options(Musl, "xndots:5").ndots, 5);
    assert_eq!(options(Glibc, "xndots:5").ndots, 1);
    assert_eq!(options(Go, "xndots:5").ndots, 1);
}

#[test]
fn flags_are_set_only_where_they_are_known() {
    let words = "rotate single-request-reopen use-vc edns0 trust-ad no-aaaa no-tld-query";
    let all = options(Glibc, words);
    assert!(all.rotate && all.single_request_reopen && all.use_vc && all.edns0);
    assert!(all.trust_ad && all.no_aaaa && all.no_tld_query && !all.single_request);
    assert_eq!(options(Musl, words), Options::default(), "musl knows three numbers, no flag");
    let go = options(Go, words);
    assert!(go.rotate && go.single_request && go.use_vc && !go.single_request_reopen);
    assert!(!go.no_aaaa && !go.no_tld_query);

    assert_eq!(
        remarks(Musl, "options single-request-reopen\n"),
        ["line 1: option `single-request-reopen` is not known, so it is ignored"]
    );
    assert_eq!(remarks(Glibc, &format!("options {words} no-reload\n")), [""; 0]);
}

#[test]
fn unknown_keywords_are_passed_over_and_reported() {
    for library in ALL {
        assert_eq!(
            remarks(library, "sortlist 10.0.0.0\nnameservers 10.0.0.1\n"),
            ["line 2: unknown keyword `nameservers`"]
        );
    }
}

#[test]
fn lists_stay_bounded() {
    let many = "d ".repeat(1000);
    let odd = "what is this\n".repeat(1000);
    for library in [Glibc, Go] {
        let (conf, remarks) = ResolvConf::parse(library, &format!("search {many}\n{odd}"));
        assert_eq!(conf.search.len(), 64);
        assert_eq!(remarks.len(), 100);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nothing a file can hold breaks the reading, or leads out of bounds.
    #[test]
    fn any_text_can_be_read(
        lines in prop::collection::vec(
            "(nameserver|search|domain|options|  search|sortlist|)[ \t]?[ -~\r\t]{0,40}\
             |options (ndots|timeout|attempts):-?[0-9]{0,30}.?",
            0..12,
        ),
    ) {
        for library in ALL {
            let (conf, remarks) = ResolvConf::parse(library, &lines.join("\n"));
            prop_assert!(conf.nameservers.len() <= 3);
            prop_assert!(conf.options.ndots <= 15);
            prop_assert!(conf.options.timeout <= Duration::from_secs(0x00ff_ffff));
            prop_assert!(conf.search.iter().all(|domain| !domain.is_empty()));
            prop_assert!(remarks.iter().all(|remark| (1..=lines.len()).contains(&remark.line)));
        }
    }
}
