//! `Window -> Finding::Events`: how loud and how musical.

use super::Work;
use crate::fault::Fault;
use crate::media::events;
use crate::record::finding::Finding;
use crate::record::{Body, Record};

pub(super) struct Events;

impl Work for Events {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        for (i, record) in batch.iter().enumerate() {
            if let Body::Window(window) = &record.body {
                let (level, music) = events::events(&window.samples[window.context..]);
                emit(i, Body::Finding(Finding::Events { index: window.index, level, music }));
            }
        }
        Ok(())
    }
}
