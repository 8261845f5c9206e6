;; A 64-bit hash of a piece of a prompt, 128 bytes at a time. Source of block-hash-wasm.ts: `npm run build:wasm` after a change.
;; The memory is that of src/body-memory.ts.
;;
;; Four accumulators of two 64-bit lanes take 32 bytes each: the first 16, mixed with the accumulator, are multiplied by the other 16,
;; 32 bits by 32, as in NH of UMAC (Black et al. 1999) and XXH3. The constants keep factors of text from being 0 or alike.
(module
  (memory (import "body" "memory") 1)

  (func $fold (param $hash i64) (param $lane i64) (result i64)
    (local.set $hash (i64.mul (i64.xor (local.get $hash) (local.get $lane)) (i64.const 0x9e3779b97f4a7c15)))
    (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 32))))

  ;; The piece lies at $at and has $size bytes, 128 or more. At $state are 8 bytes: the hash of what lies before it, and then with it.
  ;; The last 128 bytes may overlap those before.
  (func (export "mix") (param $at i32) (param $size i32) (param $state i32)
    (local $a v128)
    (local $b v128)
    (local $c v128)
    (local $d v128)
    (local $x v128)
    (local $y v128)
    (local $end i32)
    (local $hash i64)
    (local.set $a (v128.load64_splat (local.get $state)))
    (local.set $b (v128.xor (local.get $a) (v128.const i64x2 0x9e3779b97f4a7c15 0xbf58476d1ce4e5b9)))
    (local.set $c (v128.xor (local.get $a) (v128.const i64x2 0x94d049bb133111eb 0xd6e8feb86659fd93)))
    (local.set $d (v128.xor (local.get $a) (v128.const i64x2 0xa0761d6478bd642f 0xe7037ed1a0b428db)))
    (local.set $end (i32.add (local.get $at) (local.get $size)))
    (loop $next
      (local.set $x (v128.xor (v128.load offset=0 (local.get $at)) (local.get $a)))
      (local.set $y (v128.xor (v128.load offset=16 (local.get $at)) (v128.const i64x2 0x8ebc6af09c88c6e3 0xd89965cc75374cc3)))
      (local.set $a (i64x2.add (i64x2.extmul_low_i32x4_u (local.get $x) (local.get $y))
                             (i64x2.extmul_high_i32x4_u (local.get $x) (local.get $y))))
      (local.set $x (v128.xor (v128.load offset=32 (local.get $at)) (local.get $b)))
      (local.set $y (v128.xor (v128.load offset=48 (local.get $at)) (v128.const i64x2 0x9d39247e93776d41 0xaaf2177382a6e123)))
      (local.set $b (i64x2.add (i64x2.extmul_low_i32x4_u (local.get $x) (local.get $y))
                             (i64x2.extmul_high_i32x4_u (local.get $x) (local.get $y))))
      (local.set $x (v128.xor (v128.load offset=64 (local.get $at)) (local.get $c)))
      (local.set $y (v128.xor (v128.load offset=80 (local.get $at)) (v128.const i64x2 0xeb44accab455d165 0x99e5a1b3c7d2f8a7)))
      (local.set $c (i64x2.add (i64x2.extmul_low_i32x4_u (local.get $x) (local.get $y))
                             (i64x2.extmul_high_i32x4_u (local.get $x) (local.get $y))))
      (local.set $x (v128.xor (v128.load offset=96 (local.get $at)) (local.get $d)))
      (local.set $y (v128.xor (v128.load offset=112 (local.get $at)) (v128.const i64x2 0xc2b2ae3d97d4eb4f 0x85ebca77e2b2ae63)))
      (local.set $d (i64x2.add (i64x2.extmul_low_i32x4_u (local.get $x) (local.get $y))
                             (i64x2.extmul_high_i32x4_u (local.get $x) (local.get $y))))
      (local.set $at (i32.add (local.get $at) (i32.const 128)))
      (br_if $next (i32.le_u (local.get $at) (i32.sub (local.get $end) (i32.const 128))))
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (local.set $at (i32.sub (local.get $end) (i32.const 128)))
          (br $next))))
    (local.set $hash (i64.xor (i64.load (local.get $state)) (i64.extend_i32_u (local.get $size))))
    (local.set $hash (call $fold (local.get $hash) (i64x2.extract_lane 0 (local.get $a))))
    (local.set $hash (call $fold (local.get $hash) (i64x2.extract_lane 1 (local.get $a))))
    (local.set $hash (call $fold (local.get $hash) (i64x2.extract_lane 0 (local.get $b))))
    (local.set $hash (call $fold (local.get $hash) (i64x2.extract_lane 1 (local.get $b))))
    (local.set $hash (call $fold (local.get $hash) (i64x2.extract_lane 0 (local.get $c))))
    (local.set $hash (call $fold (local.get $hash) (i64x2.extract_lane 1 (local.get $c))))
    (local.set $hash (call $fold (local.get $hash) (i64x2.extract_lane 0 (local.get $d))))
    (local.set $hash (call $fold (local.get $hash) (i64x2.extract_lane 1 (local.get $d))))
    (i64.store (local.get $state) (local.get $hash))))
