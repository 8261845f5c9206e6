;; The end of a JSON string, 16 bytes at a time. Source of json-strings-wasm.ts: `npm run build:wasm` after a change.
;; The memory holds a window of a body plus 16 bytes that a load at the very end may read.
(module
  (memory (export "memory") 17)

  ;; Content begins at $at, the window ends at $end. Returns
  ;;   n >= 0   the offset of the quote that closes the string
  ;;   -1       a control character: not JSON (RFC 8259 section 7)
  ;;   n <= -2  the string goes on past the window; it is to be continued at offset -2 - n, which may be $end + 1
  (func (export "stringEnd") (param $at i32) (param $end i32) (result i32)
    (local $bytes v128)
    (local $mask i32)
    (local $byte i32)
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end))
        (then (return (i32.sub (i32.const -2) (local.get $at)))))
      (local.set $bytes (v128.load (local.get $at)))
      (local.set $mask
        (i8x16.bitmask
          (v128.or
            (v128.or
              (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 0x22)))
              (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 0x5c))))
            (i8x16.lt_u (local.get $bytes) (i8x16.splat (i32.const 0x20))))))
      (if (i32.eqz (local.get $mask))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (br $next)))
      (local.set $at (i32.add (local.get $at) (i32.ctz (local.get $mask))))
      (if (i32.ge_u (local.get $at) (local.get $end))
        (then (return (i32.sub (i32.const -2) (local.get $end)))))
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.eq (local.get $byte) (i32.const 0x22))
        (then (return (local.get $at))))
      (if (i32.ne (local.get $byte) (i32.const 0x5c))
        (then (return (i32.const -1))))
      (local.set $at (i32.add (local.get $at) (i32.const 2)))
      (br $next))
    (unreachable)))
