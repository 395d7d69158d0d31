// A single-page app on oidc-client-ts, unmodified; the test drives it through the page's globals.
const settings = JSON.parse(document.getElementById("settings").textContent);
const manager = new oidc.UserManager(settings);

function show(values) {
  document.getElementById("learned").textContent = JSON.stringify(values);
}

async function learned(user) {
  return {
    iss: user.profile.iss,
    sub: user.profile.sub,
    name: user.profile.name ?? null,
    email: user.profile.email ?? null,
    expires_in: user.expires_in,
    access_token: user.access_token,
    refresh_token: user.refresh_token ?? null,
  };
}

window.signIn = () => manager.signinRedirect();
window.signOut = () => manager.signoutRedirect();
window.revoke = () => manager.revokeTokens(["access_token"]);
window.renew = () => manager.signinSilent().then(learned, (error) => ({ error: error.error ?? error.message }));

if (location.pathname === "/callback") {
  manager.signinCallback().then(async (user) => show(await learned(user)), (error) => show({ error: error.message }));
} else if (location.pathname === "/silent") {
  manager.signinSilentCallback();
} else if (location.pathname === "/out") {
  manager.signoutCallback().then(() => show({ out: true }), (error) => show({ error: error.message }));
}
