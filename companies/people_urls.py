"""Addresses of employees, imports, roles, accounts and admissions; included by `companies.urls` in the same namespace."""

from django.urls import path

from companies.views import account, admissions, company, employees, imports, invitation, roles, tokens, webhooks

COMPANY = "company/<int:company>/"
urlpatterns = [
    path(COMPANY + "employees/", employees.index, name="employee_list"),
    path(COMPANY + "employees/add/", employees.add, name="employee_add"),
    path(COMPANY + "employees/template.csv", employees.template, name="employee_template"),
    path(COMPANY + "employees/<int:pk>/", employees.edit, name="employee"),
    path(COMPANY + "employees/<int:pk>/end/", employees.end, name="employee_end"),
    path(COMPANY + "employees/imports/", imports.index, name="import_list"),
    path(COMPANY + "employees/imports/new/", imports.new, name="import_new"),
    path(COMPANY + "employees/imports/<int:pk>/", imports.review, name="import"),
    path(COMPANY + "employees/imports/<int:pk>/errors.csv", imports.errors, name="import_errors"),
    path(COMPANY + "employees/imports/<int:pk>/apply/", imports.apply, name="import_apply"),
    path(COMPANY + "employees/imports/<int:pk>/undo/", imports.undo, name="import_undo"),
    path(COMPANY + "employees/imports/<int:pk>/cancel/", imports.cancel, name="import_cancel"),
    path(COMPANY + "employees/imports/<int:pk>/check/", imports.check, name="import_check"),
    path(COMPANY + "settings/", company.index, name="settings"),
    path(COMPANY + "settings/sites/add/", company.site_add, name="site_add"),
    path(COMPANY + "settings/sites/<int:pk>/", company.site, name="site"),
    path(COMPANY + "settings/sites/<int:pk>/remove/", company.site_remove, name="site_remove"),
    path(COMPANY + "people/", roles.index, name="role_list"),
    path(COMPANY + "people/invite/", roles.invite, name="invite"),
    path(COMPANY + "people/leave/", roles.leave, name="leave"),
    path(COMPANY + "people/<int:pk>/", roles.member, name="member"),
    path(COMPANY + "people/invitations/<int:pk>/resend/", roles.resend, name="invitation_resend"),
    path(COMPANY + "people/invitations/<int:pk>/withdraw/", roles.withdraw, name="invitation_withdraw"),
    path(COMPANY + "people/tokens/", tokens.index, name="tokens"),
    path(COMPANY + "people/tokens/<int:pk>/revoke/", tokens.revoke, name="token_revoke"),
    path(COMPANY + "people/webhooks/", webhooks.index, name="webhooks"),
    path(COMPANY + "people/webhooks/<int:pk>/remove/", webhooks.remove, name="webhook_remove"),
    path(COMPANY + "people/webhooks/<int:pk>/resume/", webhooks.resume, name="webhook_resume"),
    path("invitation/<str:token>/", invitation.invitation, name="invitation"),
    path("apply/", admissions.apply, name="apply"),
    path("erb/companies/", admissions.index, name="company_list"),
    path("erb/companies/new/", admissions.new, name="company_new"),
    path("erb/companies/<int:pk>/", admissions.detail, name="company"),
    path("erb/companies/<int:pk>/admit/", admissions.admit, name="company_admit"),
    path("erb/companies/<int:pk>/suspend/", admissions.suspend, name="company_suspend"),
    path("erb/companies/<int:pk>/end/", admissions.end, name="company_end"),
    path("erb/companies/<int:pk>/invite/", admissions.invite, name="company_invite"),
    path("account/", account.index, name="account"),
    path("account/second-factor/", account.second_factor, name="second_factor"),
]
