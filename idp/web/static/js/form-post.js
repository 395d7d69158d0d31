// Sends the answer of a sign-in on to the service at once (OAuth 2.0 Form Post Response Mode §2). Without scripts the button does it.
document.querySelector("form[data-send]")?.submit();
