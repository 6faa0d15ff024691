//! Who is called silent, and who is not, with a clock that is made up.

use dns::{Name, Rcode, Rtype};
use observe::{Identity, ObserveConfig, QueryEvent, QueryFlags, Record};
use resolver::Origin;

use super::*;

/// Looks every ten seconds at clients that have a rate.
#[derive(Default)]
struct World {
    steady: Steady,
    seconds: u64,
}

fn at(seconds: u64) -> Moment {
    Moment::from_micros(seconds * 1_000_000)
}

fn addr(n: u32) -> IpAddr {
    std::net::Ipv4Addr::from_bits(n).into()
}

impl World {
    /// For so long each of these clients sends so many queries in ten seconds.
    fn pass(&mut self, seconds: u64, rates: &[(u32, u64)]) {
        for _ in 0..seconds / 10 {
            self.seconds += 10;
            let now = at(self.seconds);
            let rates = rates.iter().filter(|(_, queries)| *queries > 0);
            let all = rates.map(|(n, queries)| Sent {
                who: Who::Addr(addr(*n)),
                queries: *queries,
                last: now,
            });
            self.steady.note(all, now);
        }
    }

    /// Who is silent, with the queries of a minute.
    fn silent(&self) -> Vec<(IpAddr, u64)> {
        let silent = self.steady.silent(at(self.seconds)).into_iter();
        let who = |who: &Who| match who {
            Who::Addr(addr) => *addr,
            Who::Workload(_) => panic!("all are addresses"),
        };
        silent
            .map(|(one, habit)| (who(one), habit.per_minute))
            .collect()
    }
}

const WEB: u32 = 1;
const OTHER: u32 = 2;

#[test]
fn who_stops_after_five_busy_minutes_is_silent_after_three() {
    let mut world = World::default();
    // It ends within a minute.
    world.pass(320, &[(WEB, 40), (OTHER, 10)]);
    world.pass(170, &[(OTHER, 10)]);
    assert_eq!(world.silent(), []);
    world.pass(10, &[(OTHER, 10)]);
    assert_eq!(world.silent(), [(addr(WEB), 240)]);
    world.pass(10, &[(WEB, 1), (OTHER, 10)]);
    assert_eq!(world.silent(), [], "it is back");
}

#[test]
fn four_minutes_are_no_habit_and_nor_are_nine_queries() {
    for (minutes, per_minute, is_silent) in
        [(4, 240, false), (5, 240, true), (9, 9, false), (9, 10, true)]
    {
        let mut world = World::default();
        for _ in 0..minutes {
            world.pass(10, &[(WEB, per_minute), (OTHER, 10)]);
            world.pass(50, &[(OTHER, 10)]);
        }
        world.pass(180, &[(OTHER, 10)]);
        assert_eq!(world.silent().len(), usize::from(is_silent), "{minutes} {per_minute}");
    }
}

#[test]
fn nobody_is_silent_where_all_are() {
    let mut world = World::default();
    world.pass(360, &[(WEB, 40), (OTHER, 10)]);
    world.pass(240, &[]);
    assert_eq!(world.silent(), []);
    // Others go on: it was not us.
    world.pass(60, &[(OTHER, 2)]);
    assert_eq!(world.silent(), [(addr(WEB), 240)]);
}

#[test]
fn who_pauses_or_trickles_is_not_steady() {
    let mut world = World::default();
    for _ in 0..4 {
        world.pass(240, &[(WEB, 40), (OTHER, 10)]);
        world.pass(240, &[(OTHER, 10)]);
        assert_eq!(world.silent(), []);
    }
    // It fades for two minutes before it ends.
    world.pass(360, &[(WEB, 40), (OTHER, 10)]);
    world.pass(120, &[(WEB, 1), (OTHER, 10)]);
    world.pass(240, &[(OTHER, 10)]);
    assert_eq!(world.silent(), []);
}

#[test]
fn after_an_hour_it_is_idle_and_after_a_pause_of_ours_nothing_is_known() {
    let mut world = World::default();
    world.pass(360, &[(WEB, 40), (OTHER, 10)]);
    world.pass(3_600, &[(OTHER, 10)]);
    assert_eq!(world.silent().len(), 1);
    world.pass(60, &[(OTHER, 10)]);
    assert_eq!(world.silent(), []);

    let mut world = World::default();
    world.pass(360, &[(WEB, 40), (OTHER, 10)]);
    world.seconds += 300;
    world.pass(10, &[(OTHER, 10)]);
    assert_eq!(world.silent(), []);
}

#[test]
fn a_crowd_that_passes_by_pushes_nobody_out() {
    let mut world = World::default();
    world.pass(360, &[(WEB, 40), (OTHER, 10)]);
    let mut passed = 1_000;
    for _ in 0..60 {
        let crowd: Vec<_> = (passed..passed + 5_000).map(|n| (n, 50)).collect();
        passed += 5_000;
        world.pass(10, &crowd);
        assert!(world.steady.known.len() <= CAPACITY);
    }
    let silent: Vec<_> = world.silent().into_iter().map(|(addr, _)| addr).collect();
    assert_eq!(silent, [addr(WEB), addr(OTHER)]);
}

/// The accounts, with queries of clients.
struct Accounts {
    observer: Observer,
    steady: Steady,
    seconds: u64,
}

impl Accounts {
    fn pass(&mut self, seconds: u64, clients: &[IpAddr]) -> Vec<Silent> {
        let qname = Name::from_text("web.test.").unwrap().folded();
        let mut silent = Vec::new();
        for _ in 0..seconds / 10 {
            for client in clients {
                for n in 0..4 {
                    let record = Record {
                        arrived: at(self.seconds + n),
                        took: Duration::from_millis(1),
                        client: *client,
                        port: u16::try_from(1_024 + self.seconds + n).unwrap(),
                        id: 7,
                        qtype: Rtype::A,
                        rcode: Rcode::NOERROR,
                        origin: Origin::Upstream,
                        first: None,
                        upstream: None,
                        errno: 0,
                        flags: QueryFlags::ANSWERED.with_if(QueryFlags::DATA, true),
                    };
                    let event = QueryEvent { record, qname: qname.as_wire() };
                    self.observer.advance(at(self.seconds + n));
                    self.observer.take(&event);
                }
            }
            self.seconds += 10;
            self.observer.advance(at(self.seconds));
            self.observer.settle(at(self.seconds));
            silent = self
                .steady
                .look(&self.observer, 1_700_000_000 + self.seconds);
        }
        silent
    }

    fn identify(&mut self, client: IpAddr, workload: Option<&Arc<Workload>>) {
        let identity = workload.map(|workload| {
            let pod = format!("web-{client}");
            Arc::new(Identity {
                uid: pod.as_str().into(),
                workload: Arc::clone(workload),
                pod: Some(pod.into()),
                since: Some(Moment::default()),
                search: None,
                options: Vec::new(),
            })
        });
        self.observer.identify(client, identity);
    }
}

#[test]
fn a_workload_is_silent_while_it_has_pods_and_an_address_while_it_has_no_name() {
    let web: Arc<Workload> = Arc::new(Workload::of_path(["shop", "Deployment", "web"]));
    let observer = Observer::new(ObserveConfig::default(), &[], 1, Moment::default());
    let mut accounts = Accounts { observer, steady: Steady::default(), seconds: 0 };
    let [a, b, bare, other] = [1, 2, 3, 4].map(addr);
    accounts.identify(a, Some(&web));
    accounts.identify(b, Some(&web));
    accounts.pass(360, &[a, b, bare, other]);
    // One pod goes on, and so does its workload.
    let silent = accounts.pass(240, &[b, other]);
    let names =
        |silent: &[Silent]| -> Vec<_> { silent.iter().map(|one| one.name.clone()).collect() };
    assert_eq!(names(&silent), ["0.0.0.3"]);
    assert_eq!((&*silent[0].kind, silent[0].per_minute), ("address", 24));

    let silent = accounts.pass(240, &[other]);
    assert_eq!(names(&silent), ["shop/web", "0.0.0.3"]);
    let since = silent[0].until_unix_s + silent[0].silent_s;
    assert_eq!((&*silent[0].kind, since), ("Deployment", 1_700_000_840));
    // Its last query came in the last of four seconds.
    assert_eq!(silent[0].silent_s, 247);

    // Its pods are gone, by the API; the address has a name now.
    accounts.identify(a, None);
    accounts.identify(b, None);
    accounts.identify(bare, Some(&web));
    assert_eq!(names(&accounts.pass(10, &[other])), ["shop/web"]);
    accounts.identify(bare, None);
    assert_eq!(names(&accounts.pass(10, &[other])), ["0.0.0.3"]);
}
