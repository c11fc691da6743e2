@0xf88e64bafa9e9d56;

# stored (caller) → mediad (callee): one untrusted picture to plain pixels, then mediad exits 0.
# mediad may be taken over by the picture: stored checks sizes of what comes back and treats pixels as pixels.

interface Decoder {
  picture @0 (maxSide :UInt16) -> (job :PictureJob);
  # One job a life; a second call answers a job that refuses. maxSide ≤ pictureSideMax.
}

interface PictureJob {
  bytes @0 (chunk :Data) -> stream;
  # In order, ≤ pictureBytesMax in all.
  finish @1 () -> (result :PictureResult);
  # Decodes, scales to fit maxSide; after the answer is out mediad exits 0. If it dies midway the picture is broken: do not retry more than once.
}

struct PictureResult {
  union {
    pixels :group { width @0 :UInt16; height @1 :UInt16; rgb @2 :Data; }
    # rgb: width × height × 3 bytes, alpha laid over white, no metadata.
    error @3 :PictureError;
  }
}

enum PictureError { notAPicture @0; tooLarge @1; damaged @2; jobUsed @3; }
