//! The framed body of `exec`.

use agentsh::serve::http::sessions::{Frame, FrameError, Frames, HEAD_BYTES, LARGEST_FRAME};
use proptest::prelude::*;

#[test]
fn a_frame_is_a_stream_three_zeroes_a_length_and_its_data() {
    assert_eq!(&Frame::Stdin("ab".into()).encode()[..], b"\x00\0\0\0\0\0\0\x02ab");
    assert_eq!(&Frame::Stdout("".into()).encode()[..], b"\x01\0\0\0\0\0\0\0");
    assert_eq!(&Frame::Stderr("x".into()).encode()[..], b"\x02\0\0\0\0\0\0\x01x");
    assert_eq!(&Frame::control(&serde_json::json!({})).encode()[..], b"\x03\0\0\0\0\0\0\x02{}");
}

#[test]
fn what_is_no_frame_is_refused() {
    let read = |bytes: &[u8]| {
        let mut frames = Frames::default();
        frames.push(bytes);
        frames.next_frame()
    };
    assert_eq!(read(b"\x04\0\0\0\0\0\0\0"), Err(FrameError::Head { head: [4, 0, 0, 0] }));
    assert_eq!(read(b"\x01\0\0\x01\0\0\0\0"), Err(FrameError::Head { head: [1, 0, 0, 1] }));
    assert_eq!(read(b"POST / HTTP/1.1"), Err(FrameError::Head { head: *b"POST" }));
    let long = u32::try_from(LARGEST_FRAME + 1).unwrap();
    assert_eq!(read(&[&[0, 0, 0, 0][..], &long.to_be_bytes()].concat()), Err(FrameError::TooLong { length: long }));
    let mut torn = Frames::default();
    torn.push(b"\x00\0\0\0\0\0\0\x02a");
    assert_eq!((torn.next_frame(), torn.finish()), (Ok(None), Err(FrameError::Torn)));
    assert_eq!(Frames::default().finish(), Ok(()));
}

fn frame() -> impl Strategy<Value = Frame> {
    (0..4_u8, proptest::collection::vec(any::<u8>(), 0..64)).prop_map(|(stream, data)| match stream {
        0 => Frame::Stdin(data.into()),
        1 => Frame::Stdout(data.into()),
        2 => Frame::Stderr(data.into()),
        _ => Frame::Control(data.into()),
    })
}

proptest! {
    #[test]
    fn frames_come_back_however_the_bytes_are_cut(frames in proptest::collection::vec(frame(), 0..8), cut in 1..(HEAD_BYTES + 9)) {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.encode().to_vec()).collect();
        let mut reader = Frames::default();
        let mut read = Vec::new();
        for piece in bytes.chunks(cut) {
            reader.push(piece);
            while let Some(frame) = reader.next_frame().unwrap() {
                read.push(frame);
            }
        }
        prop_assert_eq!(read, frames);
        prop_assert_eq!(reader.finish(), Ok(()));
    }
}
