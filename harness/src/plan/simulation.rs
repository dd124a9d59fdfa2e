//! A process of hark as a queueing network: pools of lanes that share cores.
//!
//! ```text
//! arrivals ─▶ step 1 ─▶ step 2 ─▶ ... ─▶ done        a step waits for a lane of its pool;
//!             (pool a)  (pool b)                      busy lanes share the cores evenly
//! ```
//! Discrete events: an arrival, or the end of a step. Between two of them every busy lane moves on by the
//! same share of a core, so a job slows down as a real one does when lanes outnumber cores.

use std::collections::VecDeque;

/// One operator on an episode's way.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Which pool of lanes, by position.
    pub pool: usize,
    /// Seconds of a lane for an episode of usual length that do not depend on its length.
    pub fixed: f64,
    /// Seconds that grow with its length.
    pub by_length: f64,
}

impl Step {
    /// Seconds of a lane for an episode of usual length.
    pub fn usual(&self) -> f64 {
        self.fixed + self.by_length
    }
}

/// A pool of lanes.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    pub name: String,
    pub lanes: usize,
    /// Whether a busy lane needs a core: lanes of a GPU and those that wait for networks do not.
    pub computes: bool,
}

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Network {
    pub pools: Vec<Pool>,
    pub steps: Vec<Step>,
    pub cores: usize,
}

/// How episodes come.
pub enum Coming {
    /// All at once, at most so many on their way.
    Closed(usize),
    /// So many a second, independent of each other.
    Open(f64),
}

/// What came of a simulation.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// From the first arrival to the last end.
    pub seconds: f64,
    /// Seconds from arrival to end, sorted.
    pub latencies: Vec<f64>,
    /// Share of the time that each pool's lanes were busy.
    pub busy: Vec<f64>,
    /// Share of the cores that was used.
    pub cores_busy: f64,
}

impl Simulated {
    /// Seconds that this share of episodes took at most.
    pub fn at(&self, quantile: f64) -> f64 {
        let last = self.latencies.len() - 1;
        self.latencies[((quantile * last as f64).round() as usize).min(last)]
    }

    /// Episodes per second.
    pub fn throughput(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }
}

/// An episode on a lane.
struct Running {
    episode: usize,
    step: usize,
    left: f64,
}

struct State<'a> {
    network: &'a Network,
    lengths: &'a [f64],
    waiting: Vec<VecDeque<(usize, usize)>>,
    running: Vec<Running>,
    free: Vec<usize>,
}

impl State<'_> {
    /// Puts an episode before a step.
    fn queue(&mut self, episode: usize, step: usize) {
        self.waiting[self.network.steps[step].pool].push_back((step, episode));
    }

    /// Lets free lanes begin: later steps first, as the lanes' queue does, so that episodes are finished
    /// before new ones are begun.
    fn begin(&mut self) {
        for pool in 0..self.waiting.len() {
            while self.free[pool] > 0 && !self.waiting[pool].is_empty() {
                let line = &mut self.waiting[pool];
                let at = (0..line.len()).max_by_key(|&at| (line[at].0, std::cmp::Reverse(at))).unwrap_or(0);
                let Some((step, episode)) = line.remove(at) else { break };
                let Step { fixed, by_length, .. } = self.network.steps[step];
                self.free[pool] -= 1;
                self.running.push(Running { episode, step, left: fixed + by_length * self.lengths[episode] });
            }
        }
    }

    fn computing(&self) -> usize {
        let computes = |running: &&Running| self.network.pools[self.network.steps[running.step].pool].computes;
        self.running.iter().filter(computes).count()
    }
}

/// Runs episodes of these lengths (1 is usual) through the network; `random` gives numbers in 0..1.
pub fn simulate(network: &Network, lengths: &[f64], coming: &Coming, mut random: impl FnMut() -> f64) -> Simulated {
    let mut arrivals: VecDeque<f64> = VecDeque::new();
    let mut at = 0.0;
    for _ in lengths {
        if let Coming::Open(rate) = coming {
            at -= (1.0 - random()).ln() / rate;
        }
        arrivals.push_back(at);
    }
    let most = match coming {
        Coming::Closed(most) => *most,
        Coming::Open(_) => usize::MAX,
    };
    let mut state = State {
        network,
        lengths,
        waiting: vec![VecDeque::new(); network.pools.len()],
        running: Vec::new(),
        free: network.pools.iter().map(|pool| pool.lanes).collect(),
    };
    let (mut now, mut next, mut on_way) = (0.0_f64, 0, 0);
    let mut came = vec![0.0; lengths.len()];
    let mut latencies = Vec::with_capacity(lengths.len());
    let mut busy = vec![0.0; network.pools.len()];
    let mut cores = 0.0;
    while latencies.len() < lengths.len() {
        while on_way < most && arrivals.front().is_some_and(|&arrival| arrival <= now) {
            let arrival = arrivals.pop_front().unwrap_or(now);
            // Whoever was held back by the bound is taken in now, and counts from now.
            came[next] = if matches!(coming, Coming::Closed(_)) { now } else { arrival };
            state.queue(next, 0);
            next += 1;
            on_way += 1;
        }
        state.begin();
        let computing = state.computing();
        let share = (network.cores as f64 / computing.max(1) as f64).min(1.0);
        let speed =
            |running: &Running| if network.pools[network.steps[running.step].pool].computes { share } else { 1.0 };
        let end = state.running.iter().map(|running| running.left / speed(running)).fold(f64::INFINITY, f64::min);
        let arrival =
            arrivals.front().filter(|_| on_way < most).map_or(f64::INFINITY, |&arrival| (arrival - now).max(0.0));
        let passed = end.min(arrival);
        now += passed;
        cores += computing as f64 * share * passed;
        for running in &mut state.running {
            busy[network.steps[running.step].pool] += passed;
            let speed = if network.pools[network.steps[running.step].pool].computes { share } else { 1.0 };
            running.left -= passed * speed;
        }
        let (ended, on): (Vec<Running>, Vec<Running>) =
            state.running.drain(..).partition(|running| running.left <= 1e-9);
        state.running = on;
        for Running { episode, step, .. } in ended {
            state.free[network.steps[step].pool] += 1;
            if step + 1 < network.steps.len() {
                state.queue(episode, step + 1);
            } else {
                latencies.push(now - came[episode]);
                on_way -= 1;
            }
        }
    }
    latencies.sort_by(f64::total_cmp);
    let lanes = network.pools.iter().map(|pool| pool.lanes as f64);
    let busy = busy.iter().zip(lanes).map(|(busy, lanes)| busy / (lanes * now.max(1e-9))).collect();
    Simulated { seconds: now, latencies, busy, cores_busy: cores / (network.cores as f64 * now.max(1e-9)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_pool(lanes: usize, cores: usize, seconds: f64) -> Network {
        let pool = Pool { name: "cpu".to_owned(), lanes, computes: true };
        Network { pools: vec![pool], steps: vec![Step { pool: 0, fixed: seconds, by_length: 0.0 }], cores }
    }

    #[test]
    fn one_lane_does_one_after_the_other() {
        let found = simulate(&one_pool(1, 1, 2.0), &[1.0; 5], &Coming::Closed(5), || 0.5);
        assert_eq!((found.seconds, found.at(1.0), found.cores_busy), (10.0, 10.0, 1.0));
    }

    #[test]
    fn lanes_that_outnumber_cores_share_them() {
        let found = simulate(&one_pool(4, 2, 1.0), &[1.0; 8], &Coming::Closed(8), || 0.5);
        assert!((found.seconds - 4.0).abs() < 1e-6, "eight seconds of work on two cores: {}", found.seconds);
        assert!((found.busy[0] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_queue_with_random_arrivals_waits_as_theory_says() {
        // One server, constant service of 1 s, 0.5 arrivals a second: mean wait rho / (2 (1 - rho)) = 0.5 s.
        let mut random = fastrand::Rng::with_seed(3);
        let found = simulate(&one_pool(1, 1, 1.0), &vec![1.0; 40_000], &Coming::Open(0.5), || random.f64());
        let mean = found.latencies.iter().sum::<f64>() / found.latencies.len() as f64;
        assert!((mean - 1.5).abs() < 0.05, "{mean}");
        assert!((found.busy[0] - 0.5).abs() < 0.02);
    }

    #[test]
    fn a_longer_episode_takes_longer_where_work_grows_with_length() {
        let mut network = one_pool(1, 1, 1.0);
        network.steps[0].by_length = 2.0;
        let found = simulate(&network, &[3.0], &Coming::Closed(1), || 0.5);
        assert!((found.seconds - 7.0).abs() < 1e-9);
    }
}
