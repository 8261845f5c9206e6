/**
 * Something outside the router keeps a config from being put in force: an address in use, a secret that is not there. Its message says all
 * that there is to know; a stack would send whoever reads it to the wrong place.
 */
export class Obstacle extends Error {}
