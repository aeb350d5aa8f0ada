//! What is done to a world, and when.

use serde_json::Value;

use super::{Planned, setting::vary};
use crate::chance::Chance;

#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Records of these keys are put to a stream.
    Put { stream: usize, keys: Vec<u64> },
    /// A shard is split; which one and where follows from the number.
    Split(usize, u64),
    /// Two neighbours are merged.
    Merge(usize, u64),
    /// The stream gets so many shards.
    Resize(usize, u32),
    /// The host ends at once.
    Crash,
    /// It ends with the transaction after so many.
    CrashIn(u64),
    /// It ends in good order.
    Restart,
    /// A trigger is made.
    Create(usize),
    /// It is paused, or goes on.
    Enable(usize, bool),
    /// It gets other settings.
    Update(usize, Value),
    /// It is deleted.
    Delete(usize),
    /// Its function gets another version.
    Deploy(usize),
    /// Its function is deleted.
    Undeploy(usize),
    /// The disk is full for so many milliseconds.
    Full(u64),
    /// The disk does not answer for so many milliseconds.
    Unreadable(u64),
    /// The wall clock is set.
    Jump(i64),
    /// Records of a stream that are older than so many milliseconds are removed.
    Trim(usize, u64),
}

/// How long records are put, in milliseconds.
const TIME: u64 = 40_000;

struct Acts<'c> {
    chance: &'c mut Chance,
    acts: Vec<(u64, Act)>,
}

pub(super) fn acts(chance: &mut Chance, triggers: &[Planned]) -> Vec<(u64, Act)> {
    let acts = Vec::new();
    let mut acts = Acts { chance, acts };
    acts.puts();
    for (number, trigger) in triggers.iter().enumerate() {
        acts.life(number, trigger);
    }
    acts.reshards();
    acts.mishaps();
    let mut acts = acts.acts;
    acts.sort_by_key(|(at, _)| *at);
    acts
}

impl Acts<'_> {
    fn add(&mut self, at: u64, act: Act) {
        self.acts.push((at, act));
    }

    fn at(&mut self) -> u64 {
        self.chance.below(TIME)
    }

    fn puts(&mut self) {
        let keys = self.chance.from(1, 12);
        for _ in 0..self.chance.from(5, 40) {
            let at = self.at();
            let records = self.chance.pick(&[1, 1, 2, 3, 5, 9]);
            let keys = (0..records).map(|_| self.chance.below(keys)).collect();
            let stream = if self.chance.odds(850) {
                0
            } else {
                self.chance.from(1, 2) as usize
            };
            self.add(at, Act::Put { stream, keys });
        }
    }

    fn life(&mut self, number: usize, trigger: &Planned) {
        let born = if self.chance.odds(700) { 0 } else { self.at() };
        self.add(born, Act::Create(number));
        if self.chance.odds(250) {
            let at = born + self.at();
            let until = at + self.chance.pick(&[500, 5_000, 70_000]);
            self.add(at, Act::Enable(number, false));
            self.add(until, Act::Enable(number, true));
        }
        for _ in 0..self.chance.pick(&[0, 0, 0, 1, 2, 3]) {
            let at = born + self.at();
            let mut settings = trigger.settings.clone();
            vary(self.chance, &mut settings, trigger.temper.endless > 0);
            if self.chance.odds(600) {
                // Its filters stay, so that nothing has to be taken for left out.
                settings["filter_criteria"] = trigger.settings["filter_criteria"].clone();
            }
            self.add(at, Act::Update(number, settings));
        }
        if self.chance.odds(150) {
            let at = self.at();
            self.add(at, Act::Deploy(number));
        }
        if self.chance.odds(60) {
            let at = self.at();
            self.add(at, Act::Undeploy(number));
            let until = at + self.chance.pick(&[1_000, 65_000]);
            self.add(until, Act::Deploy(number));
        }
        if self.chance.odds(60) {
            let at = born + self.at();
            self.add(at, Act::Delete(number));
        }
    }

    fn reshards(&mut self) {
        for _ in 0..self.chance.pick(&[0, 0, 1, 2, 4, 6]) {
            let at = self.at();
            let stream = self.chance.pick(&[0, 0, 0, 1, 2, 3, 4]);
            let number = self.chance.next();
            let act = match self.chance.below(5) {
                0 | 1 => Act::Split(stream, number),
                2 | 3 => Act::Merge(stream, number),
                _ => Act::Resize(stream, 1 + (number % 4) as u32),
            };
            self.add(at, act);
        }
    }

    fn mishaps(&mut self) {
        for _ in 0..self.chance.pick(&[0, 0, 1, 2, 4]) {
            let at = self.at();
            let after = self.chance.below(30);
            let act = match self.chance.below(6) {
                0 | 1 => Act::Crash,
                2 => Act::Restart,
                _ => Act::CrashIn(after),
            };
            self.add(at, act);
        }
        if self.chance.odds(200) {
            let at = self.at();
            let ms = self.chance.pick(&[300, 5_000, 65_000]);
            self.add(at, Act::Full(ms));
        }
        if self.chance.odds(150) {
            let at = self.at();
            let ms = self.chance.pick(&[300, 5_000]);
            self.add(at, Act::Unreadable(ms));
        }
        if self.chance.odds(80) {
            let at = self.at();
            let ms = self
                .chance
                .pick(&[-3_600_000, -2_000, 1_500, 58_000, 3_600_000]);
            self.add(at, Act::Jump(ms));
        }
        if self.chance.odds(100) {
            let at = self.at();
            let stream = self.chance.below(3) as usize;
            let age = self.chance.pick(&[0, 5_000, 20_000]);
            self.add(at, Act::Trim(stream, age));
        }
    }
}
