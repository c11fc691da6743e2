@0xf88e64bafa9e9d56;

# stored (caller) → mediad (callee): one untrusted picture, told, shown or written anew; then mediad exits 0.
# mediad may be taken over by the picture: stored checks the lengths of what comes back, treats pixels as pixels and a file as bytes that
# a stranger wrote. mediad has the picture and nothing else: no name, no other picture, nowhere to send it but back.

interface Decoder {
  picture @0 () -> (job :PictureJob);
  # One picture a life; a second call is refused. mediad exits 0 when the caller lets go of the job, or of the edge once there was one.
}

interface PictureJob {
  # What is asked is of the bytes that came before, and nothing is kept of it for the next question: each may be repeated. If mediad dies
  # midway the picture is at fault, or chance is: the caller asks a fresh one once more, and then no more.
  bytes @0 (chunk :Data) -> stream;
  # In order, ≤ pictureChunkMaxBytes each and ≤ pictureMaxBytes in all; of more nothing is kept, and all that is asked answers `tooLarge`.
  kind @1 () -> (kind :PictureKind);
  # By the first bytes alone; 4 KiB are enough. Decodes nothing.
  show @2 (maxSide :UInt16, sink :ByteSink) -> (result :ShowResult);
  # Decodes a png, jpeg, webp or gif, of one that moves the first picture; lays it over white, scales it down to fit maxSide (≤ viewSideMax)
  # pixels each way, turns it as it says that it is to be turned, and hands over width × height × 3 bytes: red, green, blue of sRGB, row by
  # row. Answers when all were handed over; they may arrive after the answer.
  clean @3 (sink :ByteSink) -> (result :CleanResult);
  # Decodes the same kinds, turns and writes the picture anew with nothing beside its pixels: no place, time, camera, comment, profile
  # (its colours become sRGB), preview, or bytes behind its end. jpeg, png and gif stay what they are, png and gif with the same pixels;
  # webp may become a jpeg. Hands over ≤ pictureMaxBytes; answers when all were handed over.
}

interface ByteSink {
  bytes @0 (chunk :Data) -> stream;
  # In order, ≤ pictureChunkMaxBytes each. A caller that has had enough fails the call: mediad gives up then.
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

struct ShowResult {
  union {
    size :group { width @0 :UInt16; height @1 :UInt16; }
    error @2 :PictureError;
    # notAPicture, tooLarge, damaged
  }
}

struct CleanResult {
  union {
    file :group { kind @0 :PictureKind; bytes @1 :UInt32; }
    # bytes: how many were handed over.
    error @2 :PictureError;
  }
}

enum PictureError {
  notAPicture @0;   # no kind that is decoded
  tooLarge @1;      # the file, a side, the number of pixels, the memory that it takes, or the file that it becomes
  damaged @2;       # it starts like a picture and goes on wrong
  animated @3;      # it moves, and would not when it was written anew
}
