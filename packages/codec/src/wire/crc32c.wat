;; CRC-32C, sixteen bytes at a time. `node scripts/build-wasm.mjs` makes crc32c-wasm.ts of it.
;;
;; The first 16384 bytes of the memory are tables as in crc32c.ts; the caller writes the bytes behind them.
(module
  (memory (export "memory") 2)
  (global (export "input") i32 (i32.const 16384))

  (func $init
    (local $at i32) (local $crc i32) (local $bit i32)
    (loop $bytes
      (local.set $crc (i32.shr_u (local.get $at) (i32.const 2)))
      (local.set $bit (i32.const 0))
      (loop $bits
        (local.set $crc (i32.xor
          (i32.shr_u (local.get $crc) (i32.const 1))
          (i32.and (i32.const 0x82f63b78) (i32.sub (i32.const 0) (i32.and (local.get $crc) (i32.const 1))))))
        (br_if $bits (i32.lt_u (local.tee $bit (i32.add (local.get $bit) (i32.const 1))) (i32.const 8))))
      (i32.store (local.get $at) (local.get $crc))
      (br_if $bytes (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 1024))))
    (loop $slices
      (local.set $crc (i32.load (i32.sub (local.get $at) (i32.const 1024))))
      (i32.store (local.get $at) (i32.xor
        (i32.shr_u (local.get $crc) (i32.const 8))
        (i32.load (i32.shl (i32.and (local.get $crc) (i32.const 0xff)) (i32.const 2)))))
      (br_if $slices (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 16384)))))
  (start $init)

  (func (export "crc32c") (param $at i32) (param $length i32) (param $seed i32) (result i32)
    (local $end i32) (local $crc i32) (local $a i32) (local $b i32) (local $c i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (local.set $crc (i32.xor (local.get $seed) (i32.const -1)))
    (block $slicesDone
      (loop $slices
        (br_if $slicesDone (i32.gt_u (i32.add (local.get $at) (i32.const 16)) (local.get $end)))
        (local.set $crc (i32.xor (local.get $crc) (i32.load (local.get $at))))
        (local.set $a (i32.load offset=4 (local.get $at)))
        (local.set $b (i32.load offset=8 (local.get $at)))
        (local.set $c (i32.load offset=12 (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $crc
          (i32.xor
            (i32.xor
              (i32.xor
                (i32.xor
                  (i32.load offset=15360 (i32.shl (i32.and (local.get $crc) (i32.const 0xff)) (i32.const 2)))
                  (i32.load offset=14336 (i32.and (i32.shr_u (local.get $crc) (i32.const 6)) (i32.const 0x3fc))))
                (i32.xor
                  (i32.load offset=13312 (i32.and (i32.shr_u (local.get $crc) (i32.const 14)) (i32.const 0x3fc)))
                  (i32.load offset=12288 (i32.and (i32.shr_u (local.get $crc) (i32.const 22)) (i32.const 0x3fc)))))
              (i32.xor
                (i32.xor
                  (i32.load offset=11264 (i32.shl (i32.and (local.get $a) (i32.const 0xff)) (i32.const 2)))
                  (i32.load offset=10240 (i32.and (i32.shr_u (local.get $a) (i32.const 6)) (i32.const 0x3fc))))
                (i32.xor
                  (i32.load offset=9216 (i32.and (i32.shr_u (local.get $a) (i32.const 14)) (i32.const 0x3fc)))
                  (i32.load offset=8192 (i32.and (i32.shr_u (local.get $a) (i32.const 22)) (i32.const 0x3fc))))))
            (i32.xor
              (i32.xor
                (i32.xor
                  (i32.load offset=7168 (i32.shl (i32.and (local.get $b) (i32.const 0xff)) (i32.const 2)))
                  (i32.load offset=6144 (i32.and (i32.shr_u (local.get $b) (i32.const 6)) (i32.const 0x3fc))))
                (i32.xor
                  (i32.load offset=5120 (i32.and (i32.shr_u (local.get $b) (i32.const 14)) (i32.const 0x3fc)))
                  (i32.load offset=4096 (i32.and (i32.shr_u (local.get $b) (i32.const 22)) (i32.const 0x3fc)))))
              (i32.xor
                (i32.xor
                  (i32.load offset=3072 (i32.shl (i32.and (local.get $c) (i32.const 0xff)) (i32.const 2)))
                  (i32.load offset=2048 (i32.and (i32.shr_u (local.get $c) (i32.const 6)) (i32.const 0x3fc))))
                (i32.xor
                  (i32.load offset=1024 (i32.and (i32.shr_u (local.get $c) (i32.const 14)) (i32.const 0x3fc)))
                  (i32.load (i32.and (i32.shr_u (local.get $c) (i32.const 22)) (i32.const 0x3fc))))))))
        (br $slices)))
    (block $bytesDone
      (loop $bytes
        (br_if $bytesDone (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $crc (i32.xor
          (i32.shr_u (local.get $crc) (i32.const 8))
          (i32.load (i32.shl
            (i32.and (i32.xor (local.get $crc) (i32.load8_u (local.get $at))) (i32.const 0xff)) (i32.const 2)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytes)))
    (i32.xor (local.get $crc) (i32.const -1))))
