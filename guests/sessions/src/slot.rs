//! Open sessions, in slots by client: a batch may write few entries of state, but see many clients.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{event::Event, session::Session};

/// How many slots there are. Changing it loses the sessions that are open.
const SLOTS: u64 = 64;

/// The open sessions of some clients. A client has more than one while events are missing between.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    clients: BTreeMap<String, Vec<Session>>,
}

impl Slot {
    /// The slot of a client.
    #[must_use]
    pub fn number_of(client: &str) -> u8 {
        // FNV-1a: it must give the same in each build of this function.
        let hash = client
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        u8::try_from(hash % SLOTS).expect("there are fewer slots")
    }

    /// The state key of a slot.
    #[must_use]
    pub fn key(number: u8) -> String {
        format!("open/{number:02}")
    }

    /// Whether nothing is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// When the first of the sessions ends, if no more comes.
    #[must_use]
    pub fn first_end(&self) -> Option<i64> {
        let sessions = self.clients.values().flatten();
        sessions.map(|session| session.end_ms).min()
    }

    /// Adds a request to the session that it belongs to, which may join sessions.
    pub fn visit(&mut self, event: &Event<'_>, gap_ms: i64) {
        let mut session = Session::of(event);
        let Some(sessions) = self.clients.get_mut(&*event.client) else {
            self.clients
                .insert(event.client.clone().into_owned(), vec![session]);
            return;
        };
        let met = sessions.extract_if(.., |open| open.meets(&session, gap_ms));
        // At most two: the one before and the one after. The request came after both.
        let joined = met.reduce(|mut first, second| {
            first.merge(second);
            first
        });
        if let Some(mut joined) = joined {
            joined.merge(session);
            session = joined;
        }
        sessions.push(session);
    }

    /// Takes out the sessions that ended before a moment.
    pub fn end(&mut self, before_ms: i64) -> Vec<(String, Session)> {
        let mut ended = Vec::new();
        self.clients.retain(|client, sessions| {
            let over = sessions.extract_if(.., |session| session.end_ms < before_ms);
            ended.extend(over.map(|session| (client.clone(), session)));
            !sessions.is_empty()
        });
        ended
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GAP: i64 = 30;

    fn request(epoch_ms: i64) -> Event<'static> {
        Event {
            epoch_ms,
            client: "c".into(),
            path: None,
            bytes: 1,
        }
    }

    #[test]
    fn a_missing_request_joins_two_sessions() {
        let mut slot = Slot::default();
        for at in [0, 50, 25] {
            slot.visit(&request(at), GAP);
        }
        let [(_, session)] = &slot.end(i64::MAX)[..] else {
            panic!("one session");
        };
        assert_eq!(
            (session.start_ms, session.end_ms, session.requests),
            (0, 50, 3)
        );
        assert!(slot.is_empty());
    }

    #[test]
    fn slots_are_used_evenly_and_never_move() {
        assert_eq!(Slot::number_of("192.0.2.1"), 24);
        let mut clients = [0; SLOTS as usize];
        for n in 0..6400 {
            clients[usize::from(Slot::number_of(&format!("10.0.{}.{}", n / 256, n % 256)))] += 1;
        }
        assert!(clients.iter().all(|n| (50..200).contains(n)), "{clients:?}");
    }

    proptest! {
        #[test]
        fn sessions_do_not_depend_on_the_order(moments in prop::collection::vec(0i64..600, 1..40)) {
            let mut slot = Slot::default();
            for at in &moments {
                slot.visit(&request(*at), GAP);
            }
            let mut found: Vec<_> = slot.end(i64::MAX).into_iter()
                .map(|(_, session)| (session.start_ms, session.end_ms, session.requests)).collect();
            found.sort_unstable();

            let mut sorted = moments;
            sorted.sort_unstable();
            let expected: Vec<_> = sorted
                .chunk_by(|a, b| b - a <= GAP)
                .map(|visit| (visit[0], visit[visit.len() - 1], visit.len() as u64))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
