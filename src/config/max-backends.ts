/** Backends that the router can know at a time, those that still drain included: slots of its table of loads, 56 bytes each. */
export const MAX_BACKENDS = 16_384;
