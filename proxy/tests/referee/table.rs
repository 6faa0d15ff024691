//! The referee's and the proxy's counts, side by side.

use std::fmt;

use crate::clients::Client;
use crate::totals::Totals;

/// A table of clients; where both counted, a cell is `referee|proxy`.
pub(crate) struct Table<'a> {
    pub(crate) rows: Vec<Row<'a>>,
}

pub(crate) struct Row<'a> {
    pub(crate) client: &'a Client,
    pub(crate) referee: Totals,
    /// Absent when the proxy does not know the client.
    pub(crate) proxy: Option<Totals>,
}

impl Table<'_> {
    /// The places of the clients of whom a count is not the same.
    pub(crate) fn differing(&self) -> Vec<usize> {
        let rows = self.rows.iter().enumerate();
        rows.filter(|(_, row)| !row.is_equal())
            .map(|(at, _)| at)
            .collect()
    }
}

impl Row<'_> {
    fn is_equal(&self) -> bool {
        self.proxy == Some(self.referee)
    }

    fn cell(&self, shown: impl Fn(&Totals) -> String) -> String {
        let proxy = self.proxy.as_ref().map_or_else(|| "-".to_owned(), &shown);
        format!("{}|{proxy}", shown(&self.referee))
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "each cell: referee|proxy")?;
        writeln!(
            f,
            "{:<13} ndots extra {:>7} {:>7} {:>7} {:>5} {:>9} {:>11} {:>25}  equal",
            "client",
            "queries",
            "lookups",
            "steps",
            "again",
            "AF",
            "wasted",
            "ext/cluster/fqdn/none"
        )?;
        self.rows.iter().try_for_each(|row| row.fmt(f))
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Client { program, ndots, extra, more, .. } = self.client;
        let count = |count: fn(&Totals) -> u64| self.cell(|totals| count(totals).to_string());
        write!(f, "{:<13} {ndots:>5} {extra:>5} ", program.label())?;
        write!(f, "{:>7} ", count(|totals| totals.queries))?;
        write!(f, "{:>7} ", count(|totals| totals.lookups))?;
        write!(f, "{:>7} ", count(|totals| totals.steps))?;
        write!(f, "{:>5} ", count(|totals| totals.retransmits))?;
        write!(f, "{:>9} ", self.cell(|totals| format!("{:.2}", totals.amplification())))?;
        write!(f, "{:>11} ", self.cell(|totals| format!("{:.3}", totals.wasted())))?;
        let classes = self.cell(|totals| totals.classes().map(|count| count.to_string()).join("/"));
        let equal = match self.proxy {
            Some(_) if self.is_equal() => "yes",
            Some(_) => "NO",
            None => "unknown client",
        };
        writeln!(f, "{classes:>25}  {equal:<3} {more}")
    }
}

#[test]
fn a_row_that_differs_anywhere_is_not_equal() {
    let client = &crate::clients::matrix(&[5], &[0])[0];
    let referee = Totals { queries: 8, lookups: 1, steps: 4, external: 1, ..Totals::default() };
    let equal = |proxy| {
        Table { rows: vec![Row { client, referee, proxy }] }
            .differing()
            .is_empty()
    };
    assert!(equal(Some(referee)));
    assert!(!equal(Some(Totals { wasted_queries: 6, ..referee })));
    assert!(!equal(Some(Totals { retransmits: 1, ..referee })));
    assert!(!equal(Some(Totals { external: 0, cluster: 1, ..referee })));
    assert!(!equal(None));
    let row = Row { client, referee, proxy: Some(Totals { steps: 5, ..referee }) };
    let shown = row.to_string();
    assert!(shown.contains(" 4|5 ") && shown.trim_end().ends_with("NO"), "{shown}");
}
