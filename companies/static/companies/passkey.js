// Says in words on the page what the passkey library would only write to the console.
document.addEventListener('allauth.error', (event) => {
  event.preventDefault()
  const note = document.querySelector('[data-passkey-error]')
  if (note) note.hidden = false
})
