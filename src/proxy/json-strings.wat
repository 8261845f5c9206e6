;; The end of a JSON string, 16 bytes at a time. Source of json-strings-wasm.ts: `npm run build:wasm` after a change.
;; The memory is that of src/body-memory.ts. A load at the very end of one of its parts may read 16 bytes more.
(module
  (memory (import "body" "memory") 1)

  ;; Content begins at $at, the window ends at $end. Returns
  ;;   n >= 0   the offset of the quote that closes the string
  ;;   -1       a control character: not JSON (RFC 8259 section 7)
  ;;   n <= -2  the string goes on past the window; it is to be continued at offset -2 - n: $end, or $end + 1 behind a back-slash
  (func (export "stringEnd") (param $at i32) (param $end i32) (result i32)
    (local $bytes v128)
    (local $mask i32)
    (local $bit i32)
    (local $byte i32)
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end))
        (then (return (i32.sub (i32.const -2) (local.get $end)))))
      (local.set $bytes (v128.load (local.get $at)))
      ;; One bit for each byte that is a quote, a back-slash or below a space.
      (local.set $mask
        (i8x16.bitmask
          (v128.or
            (v128.or
              (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 0x22)))
              (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 0x5c))))
            (i8x16.lt_u (local.get $bytes) (i8x16.splat (i32.const 0x20))))))
      (block $clean
        (loop $special
          (br_if $clean (i32.eqz (local.get $mask)))
          (local.set $bit (i32.ctz (local.get $mask)))
          (if (i32.ge_u (i32.add (local.get $at) (local.get $bit)) (local.get $end))
            (then (return (i32.sub (i32.const -2) (local.get $end)))))
          (local.set $byte (i32.load8_u (i32.add (local.get $at) (local.get $bit))))
          (if (i32.eq (local.get $byte) (i32.const 0x22))
            (then (return (i32.add (local.get $at) (local.get $bit)))))
          (if (i32.ne (local.get $byte) (i32.const 0x5c))
            (then (return (i32.const -1))))
          ;; The byte that it takes with it is outside.
          (if (i32.ge_u (i32.add (i32.add (local.get $at) (local.get $bit)) (i32.const 1)) (local.get $end))
            (then (return (i32.sub (i32.const -3) (local.get $end)))))
          ;; A back-slash in the last place takes the first byte of the next sixteen with it.
          (if (i32.eq (local.get $bit) (i32.const 15))
            (then
              (local.set $at (i32.add (local.get $at) (i32.const 17)))
              (br $next)))
          ;; Drops the bits of the back-slash and of the byte behind it.
          (local.set $mask
            (i32.and (local.get $mask) (i32.shl (i32.const -4) (local.get $bit))))
          (br $special)))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br $next))
    (unreachable)))
