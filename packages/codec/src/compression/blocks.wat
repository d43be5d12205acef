;; LZ4 blocks, Snappy blocks and xxHash32. `node scripts/build-wasm.mjs` makes blocks-wasm.ts of it.
;;
;; Everything is in one memory, whose size the caller ensures: below 16384 the hash table of the compressors, then
;; the input, then the output. The copies move eight bytes at a time, so they read and write up to 16 bytes more than
;; needed: input and output need that much slack behind them.
(module
  (memory (export "memory") 1)

  (global $tableBytes i32 (i32.const 16384))

  ;; Where the hash of the four bytes at $at is in the table: 2^13 places of two bytes.
  (func $slot (param $at i32) (result i32)
    (i32.shl (i32.shr_u (i32.mul (i32.load (local.get $at)) (i32.const 0x9e3779b1)) (i32.const 19)) (i32.const 1)))

  ;; The number of equal bytes at $a and $b; $a ends at $end, and $b is before $a.
  (func $common (param $a i32) (param $b i32) (param $end i32) (result i32)
    (local $start i32) (local $difference i64)
    (local.set $start (local.get $a))
    (block $unequal
      (loop $eight
        (if (i32.le_u (i32.add (local.get $a) (i32.const 8)) (local.get $end))
          (then
            (local.set $difference (i64.xor (i64.load (local.get $a)) (i64.load (local.get $b))))
            (if (i64.ne (local.get $difference) (i64.const 0))
              (then
                (local.set $a (i32.add (local.get $a)
                  (i32.wrap_i64 (i64.shr_u (i64.ctz (local.get $difference)) (i64.const 3)))))
                (br $unequal)))
            (local.set $a (i32.add (local.get $a) (i32.const 8)))
            (local.set $b (i32.add (local.get $b) (i32.const 8)))
            (br $eight))))
      (loop $one
        (br_if $unequal (i32.ge_u (local.get $a) (local.get $end)))
        (br_if $unequal (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b))))
        (local.set $a (i32.add (local.get $a) (i32.const 1)))
        (local.set $b (i32.add (local.get $b) (i32.const 1)))
        (br $one)))
    (i32.sub (local.get $a) (local.get $start)))

  ;; Copies $length bytes that do not overlap, or more: up to seven beyond.
  (func $copy (param $to i32) (param $from i32) (param $length i32)
    (local $end i32)
    (if (i32.gt_u (local.get $length) (i32.const 256))
      (then
        (memory.copy (local.get $to) (local.get $from) (local.get $length))
        (return)))
    (local.set $end (i32.add (local.get $to) (local.get $length)))
    (loop $eight
      (i64.store (local.get $to) (i64.load (local.get $from)))
      (local.set $to (i32.add (local.get $to) (i32.const 8)))
      (local.set $from (i32.add (local.get $from) (i32.const 8)))
      (br_if $eight (i32.lt_u (local.get $to) (local.get $end)))))

  ;; Copies $length bytes from $distance bytes before $to to $to; the ranges may overlap.
  (func $repeat (param $to i32) (param $distance i32) (param $length i32)
    (local $end i32) (local $from i32) (local $i i32)
    (local.set $end (i32.add (local.get $to) (local.get $length)))
    (local.set $from (i32.sub (local.get $to) (local.get $distance)))
    (if (i32.lt_u (local.get $distance) (i32.const 8))
      (then
        ;; Eight bytes one by one; from there on the pattern can be read at a multiple of the distance, eight at least.
        (local.set $i (i32.const 0))
        (loop $one
          (i32.store8 (i32.add (local.get $to) (local.get $i))
            (i32.load8_u (i32.add (local.get $from) (local.get $i))))
          (br_if $one (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 8))))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))
        (local.set $from (i32.sub (local.get $to)
          (i32.mul (local.get $distance)
            (i32.div_u (i32.add (local.get $distance) (i32.const 7)) (local.get $distance)))))))
    (block $done
      (loop $eight
        (br_if $done (i32.ge_u (local.get $to) (local.get $end)))
        (i64.store (local.get $to) (i64.load (local.get $from)))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (br $eight))))

  ;; The rest of a length that did not fit into its four bits of an LZ4 token. Returns the next position.
  (func $lz4Length (param $to i32) (param $rest i32) (result i32)
    (block $done
      (loop $more
        (br_if $done (i32.lt_u (local.get $rest) (i32.const 255)))
        (i32.store8 (local.get $to) (i32.const 255))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $rest (i32.sub (local.get $rest) (i32.const 255)))
        (br $more)))
    (i32.store8 (local.get $to) (local.get $rest))
    (i32.add (local.get $to) (i32.const 1)))

  ;; Token and literals of an LZ4 sequence. Returns the next position.
  (func $lz4Literals (param $to i32) (param $from i32) (param $length i32) (result i32)
    (local $token i32)
    (local.set $token (local.get $to))
    (local.set $to (i32.add (local.get $to) (i32.const 1)))
    (if (i32.lt_u (local.get $length) (i32.const 15))
      (then (i32.store8 (local.get $token) (i32.shl (local.get $length) (i32.const 4))))
      (else
        (i32.store8 (local.get $token) (i32.const 0xf0))
        (local.set $to (call $lz4Length (local.get $to) (i32.sub (local.get $length) (i32.const 15))))))
    (if (i32.le_u (local.get $length) (i32.const 16))
      (then
        (i64.store (local.get $to) (i64.load (local.get $from)))
        (i64.store offset=8 (local.get $to) (i64.load offset=8 (local.get $from))))
      (else (call $copy (local.get $to) (local.get $from) (local.get $length))))
    (i32.add (local.get $to) (local.get $length)))

  ;; Compresses a block of up to 65536 bytes. Returns the number of written bytes, at most length + length / 255 + 16.
  (func (export "lz4Compress") (param $source i32) (param $length i32) (param $target i32) (result i32)
    (local $in i32) (local $next i32) (local $anchor i32) (local $end i32) (local $searchEnd i32) (local $matchEnd i32)
    (local $match i32) (local $out i32) (local $token i32) (local $slot i32) (local $tries i32) (local $rest i32)
    (local $four i32)
    (local.set $end (i32.add (local.get $source) (local.get $length)))
    (local.set $anchor (local.get $source))
    (local.set $out (local.get $target))
    (block $last
      (br_if $last (i32.lt_u (local.get $length) (i32.const 13)))
      ;; The format requires the last match to start at least 12 bytes before the end, and the last 5 bytes to be literals.
      (local.set $searchEnd (i32.sub (local.get $end) (i32.const 12)))
      (local.set $matchEnd (i32.sub (local.get $end) (i32.const 5)))
      (memory.fill (i32.const 0) (i32.const 0) (global.get $tableBytes))
      (local.set $next (i32.add (local.get $source) (i32.const 1)))
      (loop $sequence
        ;; The longer nothing is found, the larger the steps.
        (local.set $tries (i32.const 64))
        (loop $search
          (local.set $in (local.get $next))
          (local.set $next (i32.add (local.get $in) (i32.shr_u (local.get $tries) (i32.const 6))))
          (local.set $tries (i32.add (local.get $tries) (i32.const 1)))
          (br_if $last (i32.gt_u (local.get $in) (local.get $searchEnd)))
          ;; As $slot, without a call.
          (local.set $four (i32.load (local.get $in)))
          (local.set $slot
            (i32.shl (i32.shr_u (i32.mul (local.get $four) (i32.const 0x9e3779b1)) (i32.const 19)) (i32.const 1)))
          (local.set $match (i32.add (local.get $source) (i32.load16_u (local.get $slot))))
          (i32.store16 (local.get $slot) (i32.sub (local.get $in) (local.get $source)))
          (br_if $search (i32.ne (i32.load (local.get $match)) (local.get $four))))
        (block $backDone
          (loop $back
            (br_if $backDone (i32.le_u (local.get $in) (local.get $anchor)))
            (br_if $backDone (i32.le_u (local.get $match) (local.get $source)))
            (br_if $backDone (i32.ne (i32.load8_u (i32.sub (local.get $in) (i32.const 1)))
              (i32.load8_u (i32.sub (local.get $match) (i32.const 1)))))
            (local.set $in (i32.sub (local.get $in) (i32.const 1)))
            (local.set $match (i32.sub (local.get $match) (i32.const 1)))
            (br $back)))
        (local.set $token (local.get $out))
        (local.set $out (call $lz4Literals (local.get $out) (local.get $anchor)
          (i32.sub (local.get $in) (local.get $anchor))))
        (loop $follow
          (i32.store16 (local.get $out) (i32.sub (local.get $in) (local.get $match)))
          (local.set $out (i32.add (local.get $out) (i32.const 2)))
          (local.set $rest (call $common (i32.add (local.get $in) (i32.const 4))
            (i32.add (local.get $match) (i32.const 4)) (local.get $matchEnd)))
          (local.set $in (i32.add (local.get $in) (i32.add (local.get $rest) (i32.const 4))))
          (if (i32.lt_u (local.get $rest) (i32.const 15))
            (then (i32.store8 (local.get $token) (i32.or (i32.load8_u (local.get $token)) (local.get $rest))))
            (else
              (i32.store8 (local.get $token) (i32.or (i32.load8_u (local.get $token)) (i32.const 15)))
              (local.set $out (call $lz4Length (local.get $out) (i32.sub (local.get $rest) (i32.const 15))))))
          (local.set $anchor (local.get $in))
          (br_if $last (i32.gt_u (local.get $in) (local.get $searchEnd)))
          (i32.store16 (call $slot (i32.sub (local.get $in) (i32.const 2)))
            (i32.sub (i32.sub (local.get $in) (i32.const 2)) (local.get $source)))
          (local.set $slot (call $slot (local.get $in)))
          (local.set $match (i32.add (local.get $source) (i32.load16_u (local.get $slot))))
          (i32.store16 (local.get $slot) (i32.sub (local.get $in) (local.get $source)))
          (if (i32.eq (i32.load (local.get $match)) (i32.load (local.get $in)))
            (then
              (local.set $token (local.get $out))
              (i32.store8 (local.get $token) (i32.const 0))
              (local.set $out (i32.add (local.get $out) (i32.const 1)))
              (br $follow))))
        (local.set $next (i32.add (local.get $in) (i32.const 1)))
        (br $sequence)))
    (i32.sub
      (call $lz4Literals (local.get $out) (local.get $anchor) (i32.sub (local.get $end) (local.get $anchor)))
      (local.get $target)))

  ;; Decompresses a block of at most 4 MiB to $target; matches may reach back to $low. Returns the end of the output, 0
  ;; for a malformed block, 1 if the output exceeds $limit.
  (func (export "lz4Decompress")
    (param $source i32) (param $length i32) (param $target i32) (param $low i32) (param $limit i32) (result i32)
    (local $in i32) (local $end i32) (local $out i32) (local $token i32) (local $run i32) (local $byte i32)
    (local $distance i32)
    (local.set $in (local.get $source))
    (local.set $end (i32.add (local.get $source) (local.get $length)))
    (local.set $out (local.get $target))
    (loop $sequence
      (if (i32.ge_u (local.get $in) (local.get $end)) (then (return (i32.const 0))))
      (local.set $token (i32.load8_u (local.get $in)))
      (local.set $in (i32.add (local.get $in) (i32.const 1)))
      (local.set $run (i32.shr_u (local.get $token) (i32.const 4)))
      (if (i32.eq (local.get $run) (i32.const 15))
        (then
          (loop $more
            (if (i32.ge_u (local.get $in) (local.get $end)) (then (return (i32.const 0))))
            (local.set $byte (i32.load8_u (local.get $in)))
            (local.set $in (i32.add (local.get $in) (i32.const 1)))
            (local.set $run (i32.add (local.get $run) (local.get $byte)))
            (br_if $more (i32.eq (local.get $byte) (i32.const 255))))))
      (if (local.get $run)
        (then
          (if (i32.gt_u (local.get $run) (i32.sub (local.get $end) (local.get $in))) (then (return (i32.const 0))))
          (if (i32.gt_u (local.get $run) (i32.sub (local.get $limit) (local.get $out))) (then (return (i32.const 1))))
          (if (i32.le_u (local.get $run) (i32.const 16))
            (then
              (i64.store (local.get $out) (i64.load (local.get $in)))
              (i64.store offset=8 (local.get $out) (i64.load offset=8 (local.get $in))))
            (else (call $copy (local.get $out) (local.get $in) (local.get $run))))
          (local.set $out (i32.add (local.get $out) (local.get $run)))
          (local.set $in (i32.add (local.get $in) (local.get $run)))))
      (if (i32.eq (local.get $in) (local.get $end)) (then (return (local.get $out))))
      (if (i32.lt_u (i32.sub (local.get $end) (local.get $in)) (i32.const 2)) (then (return (i32.const 0))))
      (local.set $distance (i32.load16_u (local.get $in)))
      (local.set $in (i32.add (local.get $in) (i32.const 2)))
      (if (i32.eqz (local.get $distance)) (then (return (i32.const 0))))
      (if (i32.gt_u (local.get $distance) (i32.sub (local.get $out) (local.get $low)))
        (then (return (i32.const 0))))
      (local.set $run (i32.and (local.get $token) (i32.const 15)))
      (if (i32.eq (local.get $run) (i32.const 15))
        (then
          (loop $more
            (if (i32.ge_u (local.get $in) (local.get $end)) (then (return (i32.const 0))))
            (local.set $byte (i32.load8_u (local.get $in)))
            (local.set $in (i32.add (local.get $in) (i32.const 1)))
            (local.set $run (i32.add (local.get $run) (local.get $byte)))
            (br_if $more (i32.eq (local.get $byte) (i32.const 255))))))
      (local.set $run (i32.add (local.get $run) (i32.const 4)))
      (if (i32.gt_u (local.get $run) (i32.sub (local.get $limit) (local.get $out))) (then (return (i32.const 1))))
      (call $repeat (local.get $out) (local.get $distance) (local.get $run))
      (local.set $out (i32.add (local.get $out) (local.get $run)))
      (br $sequence))
    (unreachable))

  ;; A Snappy literal of 1 to 65536 bytes. Returns the next position.
  (func $snappyLiteral (param $to i32) (param $from i32) (param $length i32) (result i32)
    (local $less i32)
    (local.set $less (i32.sub (local.get $length) (i32.const 1)))
    (if (i32.lt_u (local.get $less) (i32.const 60))
      (then
        (i32.store8 (local.get $to) (i32.shl (local.get $less) (i32.const 2)))
        (local.set $to (i32.add (local.get $to) (i32.const 1))))
      (else
        (if (i32.lt_u (local.get $less) (i32.const 256))
          (then
            (i32.store8 (local.get $to) (i32.const 0xf0))
            (i32.store8 offset=1 (local.get $to) (local.get $less))
            (local.set $to (i32.add (local.get $to) (i32.const 2))))
          (else
            (i32.store8 (local.get $to) (i32.const 0xf4))
            (i32.store16 offset=1 (local.get $to) (local.get $less))
            (local.set $to (i32.add (local.get $to) (i32.const 3)))))))
    (if (i32.le_u (local.get $length) (i32.const 16))
      (then
        (i64.store (local.get $to) (i64.load (local.get $from)))
        (i64.store offset=8 (local.get $to) (i64.load offset=8 (local.get $from))))
      (else (call $copy (local.get $to) (local.get $from) (local.get $length))))
    (i32.add (local.get $to) (local.get $length)))

  ;; Snappy copies of $length bytes in total, at least four. Returns the next position.
  (func $snappyCopy (param $to i32) (param $distance i32) (param $length i32) (result i32)
    (local $part i32)
    (loop $more
      ;; At most 64 a copy, and never less than 4 left.
      (local.set $part (local.get $length))
      (if (i32.gt_u (local.get $part) (i32.const 64))
        (then
          (local.set $part
            (select (i32.const 60) (i32.const 64) (i32.lt_u (local.get $length) (i32.const 68))))))
      (if (i32.and (i32.lt_u (local.get $part) (i32.const 12)) (i32.lt_u (local.get $distance) (i32.const 2048)))
        (then
          (i32.store8 (local.get $to)
            (i32.or (i32.const 1)
              (i32.or (i32.shl (i32.sub (local.get $part) (i32.const 4)) (i32.const 2))
                (i32.shl (i32.shr_u (local.get $distance) (i32.const 8)) (i32.const 5)))))
          (i32.store8 offset=1 (local.get $to) (local.get $distance))
          (local.set $to (i32.add (local.get $to) (i32.const 2))))
        (else
          (i32.store8 (local.get $to)
            (i32.or (i32.const 2) (i32.shl (i32.sub (local.get $part) (i32.const 1)) (i32.const 2))))
          (i32.store16 offset=1 (local.get $to) (local.get $distance))
          (local.set $to (i32.add (local.get $to) (i32.const 3)))))
      (local.set $length (i32.sub (local.get $length) (local.get $part)))
      (br_if $more (local.get $length)))
    (local.get $to))

  ;; Compresses a block of up to 65536 bytes, without its length prefix. Returns the number of written bytes, at most
  ;; length + length / 6 + 32.
  (func (export "snappyCompress") (param $source i32) (param $length i32) (param $target i32) (result i32)
    (local $in i32) (local $next i32) (local $anchor i32) (local $end i32) (local $searchEnd i32)
    (local $match i32) (local $out i32) (local $slot i32) (local $tries i32) (local $run i32) (local $four i32)
    (local.set $end (i32.add (local.get $source) (local.get $length)))
    (local.set $anchor (local.get $source))
    (local.set $out (local.get $target))
    (block $last
      (br_if $last (i32.lt_u (local.get $length) (i32.const 16)))
      (local.set $searchEnd (i32.sub (local.get $end) (i32.const 15)))
      (memory.fill (i32.const 0) (i32.const 0) (global.get $tableBytes))
      (local.set $next (i32.add (local.get $source) (i32.const 1)))
      (loop $sequence
        (local.set $tries (i32.const 32))
        (loop $search
          (local.set $in (local.get $next))
          (local.set $next (i32.add (local.get $in) (i32.shr_u (local.get $tries) (i32.const 5))))
          (local.set $tries (i32.add (local.get $tries) (i32.const 1)))
          (br_if $last (i32.gt_u (local.get $in) (local.get $searchEnd)))
          ;; As $slot, without a call.
          (local.set $four (i32.load (local.get $in)))
          (local.set $slot
            (i32.shl (i32.shr_u (i32.mul (local.get $four) (i32.const 0x9e3779b1)) (i32.const 19)) (i32.const 1)))
          (local.set $match (i32.add (local.get $source) (i32.load16_u (local.get $slot))))
          (i32.store16 (local.get $slot) (i32.sub (local.get $in) (local.get $source)))
          (br_if $search (i32.ne (i32.load (local.get $match)) (local.get $four))))
        (if (i32.gt_u (local.get $in) (local.get $anchor))
          (then
            (local.set $out (call $snappyLiteral (local.get $out) (local.get $anchor)
              (i32.sub (local.get $in) (local.get $anchor))))))
        (loop $follow
          (local.set $run (i32.add (i32.const 4) (call $common (i32.add (local.get $in) (i32.const 4))
            (i32.add (local.get $match) (i32.const 4)) (local.get $end))))
          (local.set $out (call $snappyCopy (local.get $out) (i32.sub (local.get $in) (local.get $match))
            (local.get $run)))
          (local.set $in (i32.add (local.get $in) (local.get $run)))
          (local.set $anchor (local.get $in))
          (br_if $last (i32.gt_u (local.get $in) (local.get $searchEnd)))
          (i32.store16 (call $slot (i32.sub (local.get $in) (i32.const 1)))
            (i32.sub (i32.sub (local.get $in) (i32.const 1)) (local.get $source)))
          (local.set $slot (call $slot (local.get $in)))
          (local.set $match (i32.add (local.get $source) (i32.load16_u (local.get $slot))))
          (i32.store16 (local.get $slot) (i32.sub (local.get $in) (local.get $source)))
          (br_if $follow (i32.eq (i32.load (local.get $match)) (i32.load (local.get $in)))))
        (local.set $next (i32.add (local.get $in) (i32.const 1)))
        (br $sequence)))
    (if (i32.lt_u (local.get $anchor) (local.get $end))
      (then
        (local.set $out (call $snappyLiteral (local.get $out) (local.get $anchor)
          (i32.sub (local.get $end) (local.get $anchor))))))
    (i32.sub (local.get $out) (local.get $target)))

  ;; Decompresses a block without its length prefix to exactly $limit. Returns the end of the output, or 0 for a
  ;; malformed block.
  (func (export "snappyDecompress")
    (param $source i32) (param $length i32) (param $target i32) (param $limit i32) (result i32)
    (local $in i32) (local $end i32) (local $out i32) (local $tag i32) (local $run i32) (local $distance i32)
    (local $extra i32)
    (local.set $in (local.get $source))
    (local.set $end (i32.add (local.get $source) (local.get $length)))
    (local.set $out (local.get $target))
    (block $done
      (loop $element
        (br_if $done (i32.ge_u (local.get $in) (local.get $end)))
        (local.set $tag (i32.load8_u (local.get $in)))
        (local.set $in (i32.add (local.get $in) (i32.const 1)))
        (block $copies
          (br_if $copies (i32.and (local.get $tag) (i32.const 3)))
          (local.set $run (i32.shr_u (local.get $tag) (i32.const 2)))
          (if (i32.ge_u (local.get $run) (i32.const 60))
            (then
              ;; The length is in the next one to four bytes.
              (local.set $extra (i32.sub (local.get $run) (i32.const 59)))
              (if (i32.gt_u (local.get $extra) (i32.sub (local.get $end) (local.get $in)))
                (then (return (i32.const 0))))
              (local.set $run (i32.and (i32.load (local.get $in))
                (i32.shr_u (i32.const -1)
                  (i32.sub (i32.const 32) (i32.shl (local.get $extra) (i32.const 3))))))
              (local.set $in (i32.add (local.get $in) (local.get $extra)))))
          ;; One less than the length, which therefore cannot overflow.
          (if (i32.ge_u (local.get $run) (i32.sub (local.get $end) (local.get $in))) (then (return (i32.const 0))))
          (if (i32.ge_u (local.get $run) (i32.sub (local.get $limit) (local.get $out))) (then (return (i32.const 0))))
          (local.set $run (i32.add (local.get $run) (i32.const 1)))
          (if (i32.le_u (local.get $run) (i32.const 16))
            (then
              (i64.store (local.get $out) (i64.load (local.get $in)))
              (i64.store offset=8 (local.get $out) (i64.load offset=8 (local.get $in))))
            (else (call $copy (local.get $out) (local.get $in) (local.get $run))))
          (local.set $out (i32.add (local.get $out) (local.get $run)))
          (local.set $in (i32.add (local.get $in) (local.get $run)))
          (br $element))
        (local.set $extra (i32.and (local.get $tag) (i32.const 3)))
        (if (i32.eq (local.get $extra) (i32.const 1))
          (then
            (if (i32.ge_u (local.get $in) (local.get $end)) (then (return (i32.const 0))))
            (local.set $run (i32.add (i32.const 4) (i32.and (i32.shr_u (local.get $tag) (i32.const 2)) (i32.const 7))))
            (local.set $distance (i32.or (i32.load8_u (local.get $in))
              (i32.shl (i32.shr_u (local.get $tag) (i32.const 5)) (i32.const 8))))
            (local.set $in (i32.add (local.get $in) (i32.const 1))))
          (else
            (local.set $run (i32.add (i32.const 1) (i32.shr_u (local.get $tag) (i32.const 2))))
            (if (i32.eq (local.get $extra) (i32.const 2))
              (then
                (if (i32.lt_u (i32.sub (local.get $end) (local.get $in)) (i32.const 2))
                  (then (return (i32.const 0))))
                (local.set $distance (i32.load16_u (local.get $in)))
                (local.set $in (i32.add (local.get $in) (i32.const 2))))
              (else
                (if (i32.lt_u (i32.sub (local.get $end) (local.get $in)) (i32.const 4))
                  (then (return (i32.const 0))))
                (local.set $distance (i32.load (local.get $in)))
                (local.set $in (i32.add (local.get $in) (i32.const 4)))))))
        (if (i32.eqz (local.get $distance)) (then (return (i32.const 0))))
        (if (i32.gt_u (local.get $distance) (i32.sub (local.get $out) (local.get $target)))
          (then (return (i32.const 0))))
        (if (i32.gt_u (local.get $run) (i32.sub (local.get $limit) (local.get $out))) (then (return (i32.const 0))))
        (call $repeat (local.get $out) (local.get $distance) (local.get $run))
        (local.set $out (i32.add (local.get $out) (local.get $run)))
        (br $element)))
    (select (local.get $out) (i32.const 0) (i32.eq (local.get $out) (local.get $limit))))

  (func $round (param $accumulator i32) (param $input i32) (result i32)
    (i32.mul
      (i32.rotl (i32.add (local.get $accumulator) (i32.mul (local.get $input) (i32.const 0x85ebca77))) (i32.const 13))
      (i32.const 0x9e3779b1)))

  ;; xxHash32 with seed 0.
  (func (export "xxh32") (param $at i32) (param $length i32) (result i32)
    (local $end i32) (local $hash i32) (local $a i32) (local $b i32) (local $c i32) (local $d i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (if (i32.ge_u (local.get $length) (i32.const 16))
      (then
        (local.set $a (i32.const 0x24234428))
        (local.set $b (i32.const 0x85ebca77))
        (local.set $c (i32.const 0))
        (local.set $d (i32.const 0x61c8864f))
        (loop $accumulators
          (local.set $a (call $round (local.get $a) (i32.load (local.get $at))))
          (local.set $b (call $round (local.get $b) (i32.load offset=4 (local.get $at))))
          (local.set $c (call $round (local.get $c) (i32.load offset=8 (local.get $at))))
          (local.set $d (call $round (local.get $d) (i32.load offset=12 (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (br_if $accumulators (i32.le_u (i32.add (local.get $at) (i32.const 16)) (local.get $end))))
        (local.set $hash
          (i32.add
            (i32.add (i32.rotl (local.get $a) (i32.const 1)) (i32.rotl (local.get $b) (i32.const 7)))
            (i32.add (i32.rotl (local.get $c) (i32.const 12)) (i32.rotl (local.get $d) (i32.const 18))))))
      (else (local.set $hash (i32.const 0x165667b1))))
    (local.set $hash (i32.add (local.get $hash) (local.get $length)))
    (block $wordsDone
      (loop $words
        (br_if $wordsDone (i32.gt_u (i32.add (local.get $at) (i32.const 4)) (local.get $end)))
        (local.set $hash (i32.mul
          (i32.rotl (i32.add (local.get $hash) (i32.mul (i32.load (local.get $at)) (i32.const 0xc2b2ae3d)))
            (i32.const 17))
          (i32.const 0x27d4eb2f)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br $words)))
    (block $bytesDone
      (loop $bytes
        (br_if $bytesDone (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $hash (i32.mul
          (i32.rotl (i32.add (local.get $hash) (i32.mul (i32.load8_u (local.get $at)) (i32.const 0x165667b1)))
            (i32.const 11))
          (i32.const 0x9e3779b1)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytes)))
    (local.set $hash
      (i32.mul (i32.xor (local.get $hash) (i32.shr_u (local.get $hash) (i32.const 15))) (i32.const 0x85ebca77)))
    (local.set $hash
      (i32.mul (i32.xor (local.get $hash) (i32.shr_u (local.get $hash) (i32.const 13))) (i32.const 0xc2b2ae3d)))
    (i32.xor (local.get $hash) (i32.shr_u (local.get $hash) (i32.const 16)))))
