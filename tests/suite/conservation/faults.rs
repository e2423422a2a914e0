//! What happens to those on the stage, from a seed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::collectors::Mood;
use super::consumers::Subscriber;
use super::link::Weather;
use super::process::Process;
use super::scene::{BUCKET, NATS, Scene};
use super::service::Service;

impl Scene {
    /// One fault, and a while without a new one.
    pub fn something_happens(&mut self, subscribers: &[Arc<Subscriber>]) {
        let name = match self.numbers.below(32) {
            0 | 1 => self.a_recorder_is_killed(),
            2 => self.a_recorder_is_stopped(),
            3 | 4 => self.the_server_is_killed(),
            5 => self.the_server_is_stopped(),
            6 => self.the_server_is_told_to_end(),
            7 => {
                subscribers[self.pick(subscribers.len())].cut.store(true, Ordering::Relaxed);
                "a subscriber goes away".to_owned()
            }
            8 => self.a_subscriber_is_killed(),
            9 => self.stopped("a subscriber", self.reading.pid()),
            10..=12 => self.connections_are_cut(),
            13..=18 => self.the_network_is_bad(),
            19..=22 => self.a_collector_has_a_mood(),
            23 => self.a_collector_is_killed(),
            24 => self.a_collector_is_stopped(),
            25 | 26 => self.the_stream_is_killed(),
            27 => self.the_stream_is_stopped(),
            28 => self.the_bucket_is_stopped(),
            29 | 30 => self.the_carrier_is_killed(),
            _ => self.the_carrier_is_stopped(),
        };
        *self.happened.entry(name).or_default() += 1;
        self.wait(20, 400);
    }

    fn pick(&mut self, count: usize) -> usize {
        self.numbers.below(count as u64) as usize
    }

    fn wait(&mut self, least: u64, more: u64) {
        std::thread::park_timeout(Duration::from_millis(least + self.numbers.below(more)));
    }

    /// SIGSTOP, and a while later SIGCONT.
    fn stopped(&mut self, who: &str, pid: Pid) -> String {
        let _it_may_have_ended = kill(pid, Signal::SIGSTOP);
        self.wait(50, 1_500);
        let _it_may_have_ended = kill(pid, Signal::SIGCONT);
        format!("{who} is stopped")
    }

    fn a_recorder_is_killed(&mut self) -> String {
        let index = self.pick(self.recorders.len());
        self.recorders.swap_remove(index).kill();
        self.start_recorder();
        "a recorder is killed".to_owned()
    }

    fn a_recorder_is_stopped(&mut self) -> String {
        let index = self.pick(self.recorders.len());
        let pid = Pid::from_raw(self.recorders[index].id());
        self.stopped("a recorder", pid)
    }

    fn the_server_is_killed(&mut self) -> String {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
        self.wait(1, 300);
        self.start_server();
        "the server is killed".to_owned()
    }

    fn the_server_is_stopped(&mut self) -> String {
        let pid = self.server.as_ref().map(Service::pid).unwrap();
        self.stopped("the server", pid)
    }

    fn the_server_is_told_to_end(&mut self) -> String {
        if let Some(mut server) = self.server.take() {
            assert!(server.terminate(), "the server ends in good order: {}", self.log());
        }
        self.start_server();
        "the server is told to end".to_owned()
    }

    fn a_subscriber_is_killed(&mut self) -> String {
        self.reading.kill();
        self.start_reading();
        "a subscriber is killed".to_owned()
    }

    /// A network that something is on the far side of.
    fn link(&mut self) -> usize {
        loop {
            let link = self.pick(self.links.len());
            if !(link == NATS && self.nats.is_none() || link == BUCKET && self.bucket.is_none()) {
                return link;
            }
        }
    }

    fn connections_are_cut(&mut self) -> String {
        let link = self.link();
        self.links[link].cut();
        "connections are cut".to_owned()
    }

    fn the_network_is_bad(&mut self) -> String {
        let (weather, name) = match self.numbers.below(5) {
            0 => (Weather::Slow, "the network is slow"),
            1 => (Weather::Trickling, "the network trickles"),
            2 => (Weather::Stalled, "the network stalls"),
            3 => (Weather::Refusing, "connections are refused"),
            _ => (Weather::Babbling, "garbage is answered"),
        };
        let link = self.link();
        self.links[link].set(weather);
        if matches!(weather, Weather::Refusing | Weather::Babbling) {
            self.links[link].cut();
        }
        self.wait(50, 1_500);
        self.links[link].set(Weather::Fine);
        name.to_owned()
    }

    fn a_collector_has_a_mood(&mut self) -> String {
        let mood = Mood::ALL[self.pick(Mood::ALL.len())];
        let index = self.pick(self.collectors.len());
        self.collectors[index].order.set(Some(mood));
        self.wait(50, 1_500);
        self.collectors[index].order.set(None);
        mood.what_happens().to_owned()
    }

    fn a_collector_is_killed(&mut self) -> String {
        let index = self.pick(self.collectors.len());
        self.collectors[index].process.kill();
        self.wait(1, 300);
        self.start_collector(index);
        "a collector is killed".to_owned()
    }

    fn a_collector_is_stopped(&mut self) -> String {
        let index = self.pick(self.collectors.len());
        self.stopped("a collector", self.collectors[index].process.pid())
    }

    fn the_stream_is_killed(&mut self) -> String {
        let Some(mut nats) = self.nats.take() else { return "nothing".to_owned() };
        nats.kill();
        self.wait(1, 600);
        nats.restart_elsewhere();
        self.links[NATS].lead_to(([127, 0, 0, 1], nats.port).into());
        self.nats = Some(nats);
        "nats-server is killed".to_owned()
    }

    fn the_stream_is_stopped(&mut self) -> String {
        let Some(pid) = self.nats.as_ref().map(|nats| nats.pid()) else { return "nothing".to_owned() };
        self.stopped("nats-server", pid)
    }

    /// Its objects are in its memory: it is never killed.
    fn the_bucket_is_stopped(&mut self) -> String {
        let Some(pid) = self.bucket.as_ref().map(|bucket| bucket.pid()) else { return "nothing".to_owned() };
        self.stopped("the bucket's server", pid)
    }

    fn the_carrier_is_killed(&mut self) -> String {
        let Some(mut carrying) = self.carrying.take() else { return "nothing".to_owned() };
        carrying.kill();
        self.wait(1, 300);
        self.start_carrier();
        "the carrier is killed".to_owned()
    }

    fn the_carrier_is_stopped(&mut self) -> String {
        let Some(pid) = self.carrying.as_ref().map(Process::pid) else { return "nothing".to_owned() };
        self.stopped("the carrier", pid)
    }
}
