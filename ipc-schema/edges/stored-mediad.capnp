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
  kind @2 () -> (kind :PictureKind);
  # By the first bytes of those that came, alone; 4 KiB are enough. Decodes nothing. After `finish` nothing is known any more: `other`.
}

enum PictureKind {
  other @0;
  png @1;
  jpeg @2;
  webp @3;
  gif @4;
  heic @5;   # these are told and never decoded: what stands beside their pixels (place, time, camera) stays in
  avif @6;
  jxl @7;
  tiff @8;   # and cameras' raw files, which are made like it
  mp4 @9;    # and QuickTime
  pdf @10;
}

struct PictureResult {
  union {
    pixels :group { width @0 :UInt16; height @1 :UInt16; rgb @2 :Data; }
    # rgb: width × height × 3 bytes, alpha laid over white, no metadata.
    error @3 :PictureError;
  }
}

enum PictureError { notAPicture @0; tooLarge @1; damaged @2; jobUsed @3; }
