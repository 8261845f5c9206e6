/** The last word of `npm test`: what was left out for want of something that this machine could have. */
import { skipBrowser } from './fakes/find-browser.ts';

const reason = skipBrowser();
if (reason !== false) console.error(`\nSKIPPED: the status page's tests in a browser. ${reason}`);
