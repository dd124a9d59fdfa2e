use std::path::Path; use std::time::Instant;
use hark_models::{device::*, manifest::Manifest, silero::*};
fn cpu()->f64{std::fs::read_to_string("/proc/thread-self/schedstat").unwrap().split(' ').next().unwrap().parse::<f64>().unwrap()*1e-9}
fn main(){
 let home=std::env::var("HARK_HOME").unwrap(); let m=Manifest::open(Path::new(&home));
 let t=Instant::now(); let f=m.verified("silero-vad").unwrap(); println!("verify {:?}",t.elapsed());
 let _l=lane_thread_setup();
 let d=SpeechDetector::load(&f,Device::select("cpu").unwrap()).unwrap();
 let mut seed=1u32; let noise:Vec<i16>=(0..31*16000).map(|_|{seed=seed.wrapping_mul(1664525).wrapping_add(1013904223);(seed>>18) as i16-8192}).collect();
 for b in [1,2,4,8,16,32]{ let w:Vec<&[i16]>=vec![&noise;b]; d.probabilities(&w).unwrap();
  let mut best=f64::MAX; for _ in 0..(40/b).max(4){let t=cpu(); d.probabilities(&w).unwrap(); best=best.min(cpu()-t);}
  println!("{b}: {:.0} audio-s/s",31.0*b as f64/best);}
}
